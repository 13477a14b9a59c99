"""Answers: languages, days, expiry, follow-ups; and what `ivr check` refuses."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest

from ivr.content.faq import When, load_faq, resolve_follow_up, word_count
from ivr.content.phrases import Phrase, load_phrases
from ivr.core.errors import ConfigError
from ivr.core.settings import load
from ivr.core.text import LANGUAGES
from ivr.core.yamlfile import Severity
from ivr.service import check

ROOT = Path(__file__).parents[2]
FAQ = load_faq(ROOT)
PHRASES = load_phrases(ROOT)
TODAY = dt.date(2026, 11, 23)  # a Monday


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in ("nlu", "dialplans", "voices"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def change(path: Path, old: str, new: str) -> int:
    """Replace once; the line of the change."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def errors(root: Path, today: dt.date = TODAY) -> list[str]:
    return [str(finding) for finding in check.run(root, today) if finding.severity == "error"]


def test_the_shipped_content_has_no_error() -> None:
    assert errors(ROOT) == []


def test_every_answer_is_there_in_every_language_and_short_enough() -> None:
    for intent in FAQ.intents:
        if FAQ.kind(intent) != "faq":
            continue
        for lang in LANGUAGES:
            said = FAQ.answer(intent, lang, TODAY)
            assert not said.expired and 0 < word_count(said.parts[-1]) <= 45, (intent, lang)
            assert FAQ.name(intent, lang) and not FAQ.name(intent, lang).endswith("."), (intent, lang)


def test_an_answer_expires_the_day_after_its_last() -> None:
    last = FAQ.entry("eiffel.price").valid_until
    assert isinstance(last, dt.date)
    assert not FAQ.answer("eiffel.price", "fr", last).expired
    after = FAQ.answer("eiffel.price", "fr", last + dt.timedelta(days=1))
    assert after.expired and after.text == PHRASES.text("fr", Phrase.EXPIRED)


def test_the_day_is_said_before_the_answer() -> None:
    tuesday, wednesday = dt.date(2026, 11, 24), dt.date(2026, 11, 25)
    usual = FAQ.answer("louvre.hours", "en", wednesday).text
    assert FAQ.answer("louvre.hours", "en", tuesday).text.endswith(usual)
    assert FAQ.answer("louvre.hours", "en", tuesday).text != usual
    assert set(FAQ.answer("louvre.hours", "en", tuesday).parts) <= set(FAQ.spoken("en"))


@pytest.mark.parametrize(
    ("when", "day", "said"),
    [
        (When(weekday=["tuesday"]), "2026-11-24", True),
        (When(weekday=["tuesday"]), "2026-11-25", False),
        (When(dates=["12-25", "01-01"]), "2031-12-25", True),
        (When(dates=["12-25"]), "2026-12-24", False),
        (When(dates=["02-29"]), "2028-02-29", True),
        (When(dates=[dt.date(2026, 12, 24)]), "2027-12-24", False),
        (When(first="friday"), "2026-12-04", True),
        (When(first="friday"), "2026-12-11", False),
        (When(first="sunday"), "2026-12-07", False),
        (When(first="friday", months=[9, 10, 11, 12, 1, 2, 3, 4, 5, 6]), "2027-07-02", False),
    ],
)
def test_days(when: When, day: str, said: bool) -> None:
    assert when.matches(dt.date.fromisoformat(day)) is said


def test_follow_ups_stay_inside_the_topic() -> None:
    assert resolve_follow_up(FAQ, "louvre.hours", "price") == "louvre.price"
    assert resolve_follow_up(FAQ, "louvre.price", "hours") == "louvre.hours"
    assert resolve_follow_up(FAQ, "versailles.price", "access") == "versailles.access"
    assert resolve_follow_up(FAQ, "eiffel.hours", "children") == "eiffel.price"
    assert resolve_follow_up(FAQ, "", "price") is None
    assert resolve_follow_up(FAQ, "weather", "price") is None


def test_check_refuses_an_answer_without_its_last_day(copy: Path) -> None:
    path = copy / "nlu/faq/louvre.yml"
    text = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in text if "valid_until" not in line), encoding="utf-8")
    found = errors(copy)
    assert any("nlu/faq/louvre.yml:" in line and "louvre.hours has no valid_until" in line for line in found)


def test_check_refuses_a_topic_without_examples_and_a_missing_language(copy: Path) -> None:
    path = copy / "nlu/faq/taxi.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index("    examples:")], encoding="utf-8")
    assert any("taxi: examples has no fr" in line for line in errors(copy))


def test_check_names_the_line_of_an_unknown_key(copy: Path) -> None:
    line = change(copy / "nlu/faq/louvre.yml", "valid_until:", "valid_untill:")
    found = [one for one in errors(copy) if "valid_untill" in one]
    assert found[0].startswith(
        f"nlu/faq/louvre.yml:{line}: unknown key 'valid_untill': did you mean 'valid_until'?"
    )


def test_check_refuses_phrases_with_a_missing_field_or_key(copy: Path) -> None:
    line = change(copy / "voices/phrases/fr.yml", "{name} ?", "{nom} ?")
    change(copy / "voices/phrases/de.yml", "goodbye:", "goodby:")
    found = errors(copy)
    assert any(
        one.startswith(f"voices/phrases/fr.yml:{line}:") and "{name} is missing" in one for one in found
    )
    assert any("'goodbye' is missing" in one for one in found)
    assert any("unknown key 'goodby': did you mean 'goodbye'?" in one for one in found)


def test_check_refuses_a_held_out_copy_of_an_example(copy: Path) -> None:
    name, example = next(iter(FAQ.examples("en")))
    with (copy / "nlu/heldout/en.tsv").open("a", encoding="utf-8") as file:
        file.write(f"{example.upper()}!!\t{name}\nno tab here\nwhat is this\tnothing.known\n")
    found = errors(copy)
    assert any("copies the example" in one for one in found)
    assert any("not a question and an intent" in one for one in found)
    assert any("unknown intent nothing.known" in one for one in found)


def test_check_warns_thirty_days_before_the_last_day() -> None:
    last = FAQ.entry("eiffel.price").valid_until
    assert isinstance(last, dt.date)

    def warned(today: dt.date) -> list[str]:
        return [str(one) for one in check.run(ROOT, today, questions=False) if "eiffel.price" in one.message]

    assert warned(last - dt.timedelta(days=31)) == []
    soon = warned(last - dt.timedelta(days=30))
    assert Severity.WARNING in soon[0] and "nlu/faq/eiffel.yml:" in soon[0] and "only until" in soon[0]
    assert "no longer be spoken" in warned(last + dt.timedelta(days=1))[0]


def test_the_service_refuses_to_start_in_the_words_of_check(copy: Path) -> None:
    change(copy / "dialplans/callflow.yml", 'key: "2"', 'key: "1"')
    with pytest.raises(ConfigError) as caught:
        check.refuse_errors(load(environ={}, root=copy))
    assert [str(one) for one in caught.value.findings] == errors(copy)
