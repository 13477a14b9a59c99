"""dialplans/callflow.yml: the shipped file, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.content.callflow import load_callflow, read

ROOT = Path(__file__).parents[3]
SHIPPED = (ROOT / "dialplans/callflow.yml").read_text(encoding="utf-8")


def findings(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "dialplans").mkdir(exist_ok=True)
    (tmp_path / "dialplans/callflow.yml").write_text(text, encoding="utf-8")
    return [str(finding) for finding in read(tmp_path).findings]


def test_the_shipped_file_is_sound() -> None:
    flow = load_callflow(ROOT)
    assert [flow.language_of_key(key) for key in "12345"] == ["fr", "en", "es", "de", "it"]
    assert flow.keys.intents == {"0": "human", "*": "repeat", "#": "menu", "9": "change_language"}
    assert flow.voicemail.max_s == 180 and flow.limits.reprompts == 1


@pytest.mark.parametrize(
    ("number", "first"),
    [("+34600123456", "es"), ("0034600123456", "es"), ("0149524281", "fr"), ("+14155550100", "en"),
     ("+393331234567", "it"), ("+81312345678", "fr"), ("", "fr"), ("anonymous", "fr")],
)  # fmt: skip
def test_the_calling_country_moves_its_language_first(number: str, first: str) -> None:
    order = load_callflow(ROOT).order(number)
    assert order[0] == first
    assert sorted(order) == sorted(["fr", "en", "es", "de", "it"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('key: "2"', 'key: "1"', 'key "1" is already taken by fr'),
        ('key: "5"', 'key: "9"', 'key "9" is already taken by it'),
        ('key: "5"', 'key: "12"', "'12' is no telephone key"),
        ('repeat: "*"', "repeat: star", "'star' is no telephone key"),
        ("  es:\n", "  pt:\n", "unknown key 'pt': write 'fr', 'en'"),
        ('"+34"', "+34", None),
        ('"+34"', '"+33"', "+33 already belongs to fr"),
        ('monday: ["09:00-18:00"]', 'monday: ["9 to 5"]', "is no span of time"),
        ('monday: ["09:00-18:00"]', 'monday: ["09:00-25:00"]', "25:00 is no time of day"),
        ('monday: ["09:00-18:00"]', 'monday: ["09:00-13:00", "12:00-18:00"]', "overlaps another span"),
        ("Europe/Paris", "Europe/Pariss", "unknown time zone"),
        ("exceptions: []", 'exceptions: [{date: "13-45"}]', "13-45 is no day"),
        ("exceptions: []", 'exceptions: [{date: "12-25"}, {date: "12-25"}]', "12-25 is there twice"),
        ("endpoint: adviser", "endpoint: adviser&mobile", "is no name of a telephone"),
        ("answer: 0", "answer: 1", "'answer' is"),
        ("  languages: {}", "  languages: {fr: {confirm: 0.9, answer: 0.2}}", "is above answer"),
        ("register: false", "register: true", "host or username is empty"),
        ("allowed: []", 'allowed: ["203.0.113.0/33"]', "is no address or network"),
        ("allowed: []", 'allowed: ["0.0.0.0/0"]', "a large part of the internet"),
        ("allowed: []", 'allowed: ["128.0.0.0/1"]', "a large part of the internet"),
        ("allowed: []", 'allowed: ["::/0"]', "a large part of the internet"),
        ("max_s: 180", "max_s: 600", "'max_s' is '600'"),
        ("ring_s: 20", "ring_s: soon", "'ring_s' is 'soon'"),
        ("silent_languages: [fr, en]", "silent_languages: [fr, pt]", "'silent_languages' is 'pt'"),
        ("limits:", "limit:", "unknown key 'limit': did you mean 'limits'?"),
    ],
)
def test_faults_are_refused_with_their_line(tmp_path: Path, old: str, new: str, said: str | None) -> None:
    assert old in SHIPPED
    found = findings(tmp_path, SHIPPED.replace(old, new, 1))
    if said is None:
        assert [finding for finding in found if "nobody is told of a message" not in finding] == []
        return
    assert any(said in finding for finding in found), found
    changed = SHIPPED[: SHIPPED.index(old)].count("\n") + 1
    named = [int(finding.split(":")[1]) for finding in found if said in finding]
    assert min(abs(line - changed) for line in named) <= 20  # its line, or the block that is wrong with it


def test_a_language_without_an_adviser_is_a_warning(tmp_path: Path) -> None:
    found = findings(
        tmp_path, SHIPPED.replace("languages: [fr, en, es, de, it]", "languages: [fr, en, es, de]")
    )
    assert any("warning: no adviser speaks it" in finding for finding in found)
    assert all("warning" in finding for finding in found)
