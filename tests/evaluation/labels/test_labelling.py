"""`ivr labels` from end to end, on both databases and on copies of the files that administrators edit."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ivr.content import heldout
from ivr.content.faq import load_faq
from ivr.core import events
from ivr.core.audio import PHONE_RATE, join_stereo, read_audio, seconds, silence, write_wav
from ivr.core.errors import ConfigError, UsageError
from ivr.core.settings import Settings
from ivr.evaluation.labels import labelling, promotion
from ivr.evaluation.labels.proposal import side
from ivr.store import retention
from ivr.store.database import Store
from ivr.store.journal import drained_store
from tests.evaluation.labels.conftest import Tell, asked
from tests.store.spool import tone

pytestmark = pytest.mark.slow

END = events.CallFinished("answered", "caller", 20.0)
NEW_QUESTION = "combien faut-il débourser à cinq sur la grande dame de métal"
NEW_EXAMPLE = "ma belle-mère voudrait grimper là-haut ça va lui coûter bonbon"


def label(settings: Settings, turn: str, person: str = "ana", words: str | None = None, intent: str = "",
          right: bool = False) -> None:  # fmt: skip
    labelling.set_label(settings, turn, person, words=words, intent=intent, right=right, note="")


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_turn_is_offered_with_its_sound_until_it_is_labelled(
    settings: Settings, tell: Tell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tell("t-1", *asked("le prix de la tour"), END, events.RecordingKept("recordings/t-1.wav", 6.0))
    pcm = silence(2.0, PHONE_RATE) + tone(2.0) + silence(2.0, PHONE_RATE)
    write_wav(
        settings.state / "recordings/t-1.wav",
        join_stereo(pcm, silence(6.0, PHONE_RATE)),
        PHONE_RATE,
        channels=2,
    )
    assert labelling.show_next(settings, "ana", "7d", "", tmp_path / "turn.wav", as_json=True) == 0
    [shown] = printed(capsys)
    assert (shown["turn"], shown["heard"], shown["left"]) == ("t-1/1", "le prix de la tour", 1)
    sound = read_audio(tmp_path / "turn.wav")
    assert seconds(sound) == pytest.approx(2.8, abs=0.01) and any(sound)
    label(settings, "t-1/1", right=True)
    assert labelling.show_next(settings, "ana", "7d", "", None, as_json=True) == 1


def test_two_people_may_differ_and_it_shows(
    settings: Settings, tell: Tell, capsys: pytest.CaptureFixture[str]
) -> None:
    tell("t-1", *asked("le prix de la tour"), *asked("merci bien", "thanks", "social"), END)
    for person in ("ana", "ben"):
        label(settings, "t-1/1", person, right=True)
    label(settings, "t-1/2", "ana", right=True)
    label(settings, "t-1/2", "ben", words="mais si bien", intent="oos")
    labelling.show_list(settings, "7d", disputed=True, as_json=True)
    assert [row["turn"] for row in printed(capsys)] == ["t-1/2"]
    labelling.show_scores(settings, "7d", as_json=True)
    *rows, agreement = printed(capsys)
    assert (rows[0]["turns"], rows[0]["disputed"]) == (1, 1)
    assert (agreement["one"], agreement["other"], agreement["same_intent"]) == ("ana", "ben", 1)
    label(settings, "t-1/2", "ben", right=True)  # they talked about it
    labelling.show_scores(settings, "7d", as_json=False)
    assert "2 with the same intent" in capsys.readouterr().out


@pytest.mark.parametrize("remove", [retention.words, retention.whole_calls])
def test_labels_go_with_the_words_of_their_call(
    settings: Settings, tell: Tell, remove: Callable[[Store, float], int], capsys: pytest.CaptureFixture[str]
) -> None:
    tell("t-1", *asked("le prix"), END, days=9)
    tell("t-2", *asked("le prix"), END)
    label(settings, "t-1/1", right=True)
    label(settings, "t-2/1", right=True)
    with drained_store(settings) as store:
        assert remove(store, time.time() - 8 * 86_400) == 1
    labelling.show_list(settings, "30d", disputed=False, as_json=True)
    assert [row["turn"] for row in printed(capsys)] == ["t-2/1"]


@pytest.mark.parametrize(
    ("turn", "words", "intent", "why"),
    [
        ("t-1/9", "oui", "yes", "no turn t-1/9"), ("t-1", "oui", "yes", "no turn"),
        ("t-1/2", "oui", "yes", "no turn t-1/2"),  # a key
        ("t-1/1", None, "yes", "--words"), ("t-1/1", "oui", "tower.price", "--intent tower.price"),
        ("t-1/1", "oui", "", "--intent"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_label_is_refused(
    settings: Settings, tell: Tell, turn: str, words: str | None, intent: str, why: str
) -> None:
    tell("t-1", *asked("oui"), events.KeyPressed("0"), END)
    with pytest.raises(UsageError, match=why):
        label(settings, turn, words=words, intent=intent)


def test_from_labels_to_examples_and_questions(
    settings: Settings, tell: Tell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (side(NEW_EXAMPLE), side(NEW_QUESTION)) == ("examples", "heldout")
    wrong = ("louvre.hours", "answer")
    tell(
        "t-1",
        *asked("combien faut il", *wrong),
        *asked("ma belle mer", *wrong),
        *asked("bonjour", *wrong),
        END,
    )
    tell("t-2", *asked("combien fautil", *wrong), *asked("le prix"), *asked("le cheval", *wrong),
         *asked("rappelez", *wrong), END)  # fmt: skip
    for turn, words in (
        ("t-1/1", NEW_EXAMPLE),
        ("t-1/2", NEW_QUESTION),
        ("t-1/3", "combien"),
        ("t-2/1", NEW_EXAMPLE),
    ):
        label(settings, turn, words=words, intent="eiffel.price")
    label(settings, "t-2/2", right=True)
    label(settings, "t-2/3", words="le prix de l'ascenseur", intent="eiffel.price")
    label(settings, "t-2/4", words="rappelez le 06 12 34 56 78", intent="callback")
    label(settings, "t-2/3", "ben", words="le prix de l'ascenseur", intent="oos")  # disputed
    file = tmp_path / "proposal.yml"
    promotion.promote(settings, "7d", file)
    assert "1 examples, 1 held-out questions" in capsys.readouterr().out

    eiffel, questions = settings.root / "nlu/faq/eiffel.yml", settings.root / "nlu/heldout/fr.tsv"
    before = eiffel.read_text("utf-8").splitlines()
    promotion.accept(settings, file)
    after = eiffel.read_text("utf-8").splitlines()
    assert [line for line in after if line not in before] == [f"        - {NEW_EXAMPLE.replace('-', ' ')}"]
    assert len(after) == len(before) + 1
    assert questions.read_text("utf-8").endswith(f"{NEW_QUESTION.replace('-', ' ')}\teiffel.price\n")
    faq, (held_out, _) = load_faq(settings.root), heldout.read(settings.root)
    examples = [(lang, name, text) for lang in ("fr",) for name, text in faq.examples(lang)]
    copies = [
        one
        for one in heldout.problems(held_out, examples, {*faq.intents, "oos"})
        if "débourser" in one.message
    ]
    assert copies == []
    with pytest.raises(ConfigError, match="is there already"):
        promotion.accept(settings, file)


@pytest.mark.parametrize(
    ("items", "why"),
    [
        (
            [("examples", "euh bonjour c'est pour la tour eiffel c'est combien pour monter tout en haut")],
            "held-out",
        ),
        ([("heldout", "euh bonjour c'est pour savoir les tarifs de la tour eiffel")], "copies an example"),
        ([("examples", "prix tour eiffel")], "is there already"),
        ([("examples", "cinq euros la place"), ("heldout", "cinq euros la place !")], "stands here twice"),
        ([("examples", "cinq euros pour une place"), ("heldout", "cinq euros pour une plasse")], "is nearly"),
    ],
)
def test_near_copies_are_refused_and_nothing_is_written(
    settings: Settings, tmp_path: Path, items: list[tuple[str, str]], why: str
) -> None:
    lines = [f'  - {{to: {to}, lang: fr, intent: eiffel.price, text: "{text}"}}' for to, text in items]
    file = tmp_path / "proposal.yml"
    good = "  - {to: examples, lang: fr, intent: eiffel.price, text: une phrase toute neuve}"
    file.write_text("\n".join(["items:", good, *lines]) + "\n", "utf-8")
    files = sorted((settings.root / "nlu").rglob("*.[yt][ms][lv]"))
    before = [path.read_bytes() for path in files]
    with pytest.raises(ConfigError) as refused:
        promotion.accept(settings, file)
    assert why in str(refused.value) and f"{file}:{2 + len(items)}" in str(refused.value)
    assert [path.read_bytes() for path in files] == before
