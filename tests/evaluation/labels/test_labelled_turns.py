"""Labels of several people, their agreement, and the service's decision judged by a label."""

from __future__ import annotations

import dataclasses
from zoneinfo import ZoneInfo

import pytest

from ivr.evaluation.labels.labelled_turns import Label, LabelledTurn, agreements, kappa
from ivr.evaluation.labels.sampling import TWICE, next_turn, sampling_key
from ivr.evaluation.labels.scoring import Score, scores, turn_errors

TURN = LabelledTurn(
    "c1", 2, 1_795_424_400.0, 2.0, 4.0, "fr", "whisper", "le prix de la tour et felle", 0.8, "eiffel.price", 0.9,
    "eiffel.hours", "answer", "eiffel.price", "recordings/c1.wav",
)  # fmt: skip
ANA = Label("ana", "Le prix de la tour Eiffel ?", "eiffel.price")
BEN = Label("ben", "le prix de la tour eiffel", "eiffel.price")


def turn(*labels: Label, **values: object) -> LabelledTurn:
    return dataclasses.replace(TURN, labels=labels, **values)  # type: ignore[arg-type]


def meant(intent: str, words: str = "le prix") -> Label:
    return Label("ana", words, intent)


def test_case_and_punctuation_are_no_dispute() -> None:
    assert turn(ANA, BEN).truth == ANA and not turn(ANA, BEN).disputed
    other = dataclasses.replace(BEN, meant="eiffel.hours")
    assert turn(ANA, other).disputed and turn(ANA, other).truth is None
    assert turn().truth is None and not turn().disputed


@pytest.mark.parametrize(
    ("label", "decision", "decided", "served", "wrong"),
    [
        ("eiffel.price", "answer", "eiffel.price", True, False),
        ("eiffel.price", "confirm", "eiffel.price", True, False),
        ("eiffel.hours", "either", "eiffel.price", True, False),  # offered as the second
        ("louvre.hours", "either", "eiffel.price", False, False),
        ("louvre.hours", "answer", "eiffel.price", False, True),
        ("eiffel.price", "reprompt", "oos", False, False),
        ("oos", "reprompt", "oos", True, False),
        ("oos", "handoff", "human", True, False),
        ("oos", "answer", "eiffel.price", False, True),
        ("human", "handoff", "human", True, False),
    ],
)
def test_what_the_service_did_right(
    label: str, decision: str, decided: str, served: bool, wrong: bool
) -> None:
    found = turn(meant(label), decision=decision, decided=decided)
    assert (found.served, found.wrongly_answered) == (served, wrong)


def test_kappa_of_cohens_kind() -> None:
    """A textbook example of 50 grants: 20 both yes, 15 both no, 5 and 10 different."""
    pairs = [("y", "y")] * 20 + [("n", "n")] * 15 + [("y", "n")] * 5 + [("n", "y")] * 10
    assert kappa(pairs) == pytest.approx(0.4)
    assert kappa([("y", "y")] * 9) is None and kappa([]) is None


def test_people_are_compared_on_the_turns_they_share() -> None:
    carla = Label("carla", "le prix", "eiffel.price")
    found = agreements([turn(ANA, BEN), turn(ANA, carla), turn(ANA)])
    assert [(one.one, one.other, one.turns, one.same_intent, one.same_words) for one in found] == [
        ("ana", "ben", 1, 1, 1), ("ana", "carla", 1, 1, 0),
    ]  # fmt: skip


def test_word_errors() -> None:
    assert turn_errors(turn(ANA)) == (2, 6), "et felle for eiffel: one changed, one put in"
    assert turn_errors(turn(Label("ana", "", ""))) == (7, 0), "nobody spoke"


def test_scores_by_group_leave_out_what_is_disputed() -> None:
    turns = [
        turn(ANA), turn(ANA, meant("oos")), turn(meant("oos", "quoi donc"), lang="en", engine="vosk"),
        turn(Label("ana", "", ""), decision="reprompt", intent="oos"),
    ]  # fmt: skip
    found = {(row.by, row.group): row for row in scores(turns, ZoneInfo("Europe/Paris"))}
    total = found["all", "all"]
    assert (total.turns, total.disputed) == (3, 1)
    assert total.understood is not None and (total.understood.value, total.understood.count) == (0.5, 2)
    assert total.wrong is not None and total.wrong.value == 0.5
    assert set(found) == {("all", "all"), ("language", "en"), ("language", "fr"), ("recogniser", "vosk"),
                          ("recogniser", "whisper"), ("hour", "10"), ("scope", "in"), ("scope", "out")}  # fmt: skip
    assert Score.of([]).row()["word_errors"] is None


def test_everybody_gets_the_same_sample_and_few_turns_twice() -> None:
    turns = [dataclasses.replace(TURN, call_id=f"c{number}") for number in range(200)]
    done: dict[tuple[str, int], list[str]] = {}
    order: dict[str, list[LabelledTurn]] = {"ana": [], "ben": []}
    for person, offered in order.items():
        while (one := next_turn(turns, done, person)) is not None:
            done.setdefault((one.call_id, one.n), []).append(person)
            offered.append(one)
    assert order["ana"] == sorted(turns, key=sampling_key)
    assert order["ben"] == [one for one in order["ana"] if sampling_key(one) % TWICE == 0]
    assert 20 <= len(order["ben"]) <= 60
