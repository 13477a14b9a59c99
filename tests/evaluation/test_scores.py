"""Scores, goals and the page, over questions with given verdicts."""

from __future__ import annotations

import pytest

from ivr.content.callflow import GateSettings
from ivr.content.heldout import HeldOutQuestion
from ivr.core.vocabulary import Decision
from ivr.evaluation.nlu import misses, sweep
from ivr.evaluation.report import page
from ivr.evaluation.scores import JudgedQuestion, Scores, confusion, percentile, word_errors
from ivr.nlu.classifier import Intent
from ivr.nlu.gate import Verdict


def one(
    right: str, verdict: Verdict, *ranking: tuple[str, float], lang: str = "fr", text: str = "<b>"
) -> JudgedQuestion:
    return JudgedQuestion(HeldOutQuestion(lang, text, right, "f", 1), Intent.of(list(ranking)), verdict, 0.01)


ALL = [
    one("a", Verdict(Decision.ANSWER, "a"), ("a", 0.9), ("b", 0.1)),
    one("a", Verdict(Decision.CONFIRM, "a"), ("a", 0.5), ("b", 0.4)),
    one("b", Verdict(Decision.EITHER, "a", "b"), ("a", 0.5), ("b", 0.5)),
    one("b", Verdict(Decision.ANSWER, "a"), ("a", 0.8), ("b", 0.2)),
    one("a", Verdict(Decision.REPROMPT), ("a", 0.2), ("oos", 0.1)),
    one("oos", Verdict(Decision.REPROMPT), ("oos", 0.9)),
    one("oos", Verdict(Decision.CONFIRM, "a"), ("a", 0.4), ("oos", 0.3)),
    one("oos", Verdict(Decision.CONTROL, "c"), ("c", 0.9), lang="en"),
]


def test_shares() -> None:
    scores = Scores.of(ALL)
    assert (scores.questions, scores.out_of_scope) == (8, 3)
    assert scores.right == pytest.approx(3 / 5) and scores.at_once == pytest.approx(1 / 5)
    assert scores.declined == pytest.approx(1 / 3) and scores.not_answered == pytest.approx(2 / 3)
    assert scores.wrong == pytest.approx(2 / 8)
    assert Scores.of([]).right == 0.0


def test_confusion_counts_what_is_declined_as_out_of_scope() -> None:
    counts = confusion(ALL)
    assert counts["b", "a"] == 2 and counts["a", "oos"] == 1 and counts["oos", "oos"] == 1


def test_goals_are_named_when_missed() -> None:
    found = misses([Scores.of(ALL), Scores.of(ALL, "fr")])
    assert len(found) == 4 and any("right in fr is 60.0%" in line for line in found)


def test_a_higher_threshold_never_gives_more_wrong_answers() -> None:
    settings = GateSettings(answer=0.6, confirm=0.3, margin=0.1, control=0.4)
    kinds = {"a": "faq", "b": "faq", "c": "control", "oos": "social"}
    wrong = [scores.wrong for _, scores in sweep(ALL, settings, kinds)]
    assert wrong == sorted(wrong, reverse=True) and wrong[0] > wrong[-1]


def test_the_page_escapes_callers_words() -> None:
    html = page([Scores.of(ALL)], [(0.5, Scores.of(ALL))], ALL, {"p50_ms": 1, "p95_ms": 2})
    assert "<b>" not in html and "&lt;b&gt;" in html and "polyline" in html


def test_percentile() -> None:
    assert percentile([3, 1, 2], 0.5) == 2 and percentile([], 0.5) == 0.0


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("where is the louvre", "where is the louvre", (0, 4)),
        (
            "where is the louvre",
            "where the blue room",
            (3, 4),
        ),  # "is" left out, "blue" for "louvre", "room" added
        ("bonjour", "", (1, 1)),
        ("", "so nice", (2, 0)),
    ],
)
def test_word_errors_are_words_inserted_deleted_or_replaced(
    said: str, heard: str, errors: tuple[int, int]
) -> None:
    assert word_errors(said, heard) == errors
