"""Spoken questions: the sample, the rows, and decisions at another threshold."""

from __future__ import annotations

import pytest

from ivr.content.bundle import Content
from ivr.content.heldout import HeldOutQuestion
from ivr.core.settings import load
from ivr.core.vocabulary import Decision
from ivr.evaluation import speech
from ivr.evaluation.scores import JudgedQuestion
from ivr.evaluation.speech import HeardQuestion, at_sure, rows, sample
from ivr.nlu.classifier import Intent
from ivr.nlu.gate import Verdict
from ivr.speech.stt import Transcript
from tests.conftest import ROOT

SETTINGS = load(root=ROOT)


def heard(
    right: str, understood: str, decision: Decision, confidence: float, lang: str = "fr"
) -> HeardQuestion:
    question = HeldOutQuestion("fr", "le louvre ferme quand", right, "nlu/heldout/fr.tsv", 1)
    judged = JudgedQuestion(
        question, Intent.of([(understood, 0.75), ("oos", 0.02)]), Verdict(decision, understood)
    )
    return HeardQuestion(judged, Transcript("le louvre ferme grand", confidence, lang, "whisper"), None)


ALL = [
    heard("louvre.hours", "louvre.hours", Decision.ANSWER, 0.9),
    heard("louvre.hours", "orsay", Decision.CONFIRM, 0.45),
    heard("louvre.hours", "louvre.hours", Decision.REPROMPT, 0.2, "it"),
    heard("oos", "weather", Decision.ANSWER, 0.9),
]


def test_a_larger_sample_holds_the_smaller_and_blind_questions_too() -> None:
    few, many = sample(SETTINGS, 20, ["fr", "en"]), sample(SETTINGS, 80, ["fr", "en"])
    assert len(few) == 40 and set(few) < set(many)
    assert {question.blind for question in many} == {True, False}


def test_a_row_counts_decisions_and_languages() -> None:
    [row] = rows(ALL)
    assert (row.lang, row.line, row.questions) == ("fr", "clean", 4)
    assert (row.right, row.wrong, row.language) == (0.25, 0.25, 0.75)
    assert (row.at_once, row.declined) == (0.3333, 0.0)
    assert row.wer == pytest.approx(0.25)


@pytest.mark.parametrize(("sure", "right", "wrong"), [(0.0, 0.5, 0.5), (0.55, 0.5, 0.25), (0.95, 0.75, 0.0)])
def test_what_another_threshold_would_have_done(sure: float, right: float, wrong: float) -> None:
    assert at_sure(Content.load(SETTINGS), ALL, sure) == (right, wrong)


def test_noise_and_voice_of_a_question_stay_the_same() -> None:
    assert (
        speech._sampling_key("bonjour") == speech._sampling_key("bonjour") != speech._sampling_key("bonsoir")
    )
