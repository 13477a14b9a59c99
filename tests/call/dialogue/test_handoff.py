"""The announced wait, and what an adviser hears about a caller."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from itertools import accumulate

import pytest

from ivr.call.dialogue.announcements import announcements, waiting_time, whisper
from ivr.call.dialogue.handoff import is_about_a_child
from ivr.content.callflow.wait_estimate import (
    GAP_S,
    OFFER_S,
    STEPS_S,
    HandlingTime,
    OnlineAdviser,
    WaitEstimate,
    forecast,
    standing,
    tellable,
    told,
)
from tests.call.dialogue.scripted import make_content

OFFICE = make_content()
FLOW = OFFICE.callflow


EN, FR = "desk-en", "desk-fr"
BOTH = (EN, FR)
MINUTE = HandlingTime(1_000_000, 60.0, 3600.0)
"""Very many talks of just a minute."""


def talking(number: int, queues: tuple[str, ...] = BOTH) -> list[OnlineAdviser]:
    return [OnlineAdviser(queues, talks=True)] * number


def waits(seats: list[OnlineAdviser], ahead: int, handling: HandlingTime = MINUTE) -> float:
    return standing(seats, [EN] * (ahead + 1), handling, FLOW).wait_s


@pytest.mark.parametrize(
    ("seats", "ahead", "wait"),
    [
        ([OnlineAdviser(BOTH)], 0, False),
        ([OnlineAdviser(BOTH)], 1, True),
        ([OnlineAdviser(BOTH), OnlineAdviser(BOTH)], 1, False),
        (talking(1), 0, True),
        ([*talking(3), OnlineAdviser(BOTH)], 0, False),
        ([OnlineAdviser((FR,)), *talking(1)], 0, True),
        ([OnlineAdviser(BOTH, rests_s=4.0)], 0, True),
    ],
)
@pytest.mark.parametrize("handling", [MINUTE, HandlingTime(), HandlingTime(20, 60.0, 5 * 60.0**2)])
def test_who_finds_an_adviser_free_is_told_no_time(
    seats: list[OnlineAdviser], ahead: int, wait: bool, handling: HandlingTime
) -> None:
    assert (waits(seats, ahead, handling) > 0) is wait


def test_nobody_there() -> None:
    assert standing([], [EN], MINUTE, FLOW) == WaitEstimate(0)
    assert standing([OnlineAdviser((FR,))], [EN], MINUTE, FLOW) == WaitEstimate(0)


Draw = Callable[[random.Random], float]


def simulated(ahead: int, staffed: int, talk: Draw, rng: random.Random) -> float:
    """Seconds until the ``ahead + 1``-th talk ends while all advisers are in a talk."""
    rest = FLOW.handoff.wrap_up_s + GAP_S
    free_at = []
    for _ in range(staffed):  # who is looked at by chance is in a long talk rather than in a short one
        talks = [talk(rng) for _ in range(30)]
        seen = rng.uniform(0, sum(talks))
        free_at.append(next(end for end in accumulate(talks) if end >= seen) - seen + rest)
    free_at.sort()
    for _ in range(ahead):
        free_at = sorted([free_at[0] + talk(rng) + rest, *free_at[1:]])
    return free_at[0]


@pytest.mark.parametrize(
    ("talk", "square"),
    [(lambda rng: 60.0, 1.0), (lambda rng: rng.expovariate(1 / 60), 2.0)],
    ids=["alike", "by chance"],
)
@pytest.mark.parametrize(
    ("ahead", "staffed"), [(0, 1), (2, 1), (0, 2), (1, 2), (3, 2), (6, 2), (9, 2), (8, 4), (20, 4)]
)
def test_the_time_that_is_told_is_near_the_mean_of_a_simulated_desk(
    ahead: int, staffed: int, talk: Draw, square: float
) -> None:
    rng = random.Random(1)
    real = statistics.mean(simulated(ahead, staffed, talk, rng) for _ in range(3000))
    handling = HandlingTime(1_000_000, 60.0, square * 60.0**2)
    assert waits(talking(staffed), ahead, handling) == pytest.approx(real, rel=0.12)


def test_before_there_are_talks_the_usual_length_is_taken_and_soon_what_was_measured() -> None:
    usual = FLOW.handoff.talk_s + OFFER_S
    one = usual + FLOW.handoff.wrap_up_s + GAP_S
    assert waits(talking(1), 3, HandlingTime()) == pytest.approx(4 * one, rel=0.05)
    minutes = HandlingTime(20, 60.0, 3600.0).with_usual(FLOW.handoff.talk_s)
    assert minutes.mean == pytest.approx((20 * 60 + usual) / 21) and minutes.callers == 21


def test_one_long_talk_does_not_make_everybody_wait_for_ever() -> None:
    assert HandlingTime(20, 60.0, 3600.0 * 10).until_free_s(1, 1) == 60.0


def test_callers_of_other_languages_wait_for_the_same_advisers() -> None:
    anna, luc = OnlineAdviser(BOTH, talks=True), OnlineAdviser((FR,), talks=True)
    alone = standing([anna, luc], [EN], MINUTE, FLOW).wait_s
    behind = standing([anna, luc], [FR, FR, FR, EN], MINUTE, FLOW).wait_s
    assert alone < behind < standing([anna], [FR, FR, FR, EN], MINUTE, FLOW).wait_s
    assert standing([OnlineAdviser(BOTH), OnlineAdviser((FR,))], [FR, EN], MINUTE, FLOW).wait_s == 0, (
        "luc takes the French one"
    )
    assert forecast([anna], ["desk-de", EN], MINUTE, 10.0)[0] == float("inf")


@pytest.mark.parametrize("seconds", [8, 14.9, 33, 52, 74, 76, 100, 110, 119])
def test_what_is_said_is_a_round_number_near_it(seconds: float) -> None:
    found = told(seconds, FLOW)
    assert found in STEPS_S and found == pytest.approx(seconds, rel=0.25, abs=5)


def test_beyond_the_limit_a_longer_wait_is_announced() -> None:
    limit = int(FLOW.handoff.wait_s)
    assert told(limit + 1, FLOW) == told(9999.0, FLOW) == tellable(FLOW)[-1] == limit == 120
    assert told(limit - 1, FLOW) < limit and told(0.0, FLOW) == 0
    phrases = OFFICE.phrases
    assert waiting_time(limit, "en", FLOW, phrases).endswith("You would wait for more than 2 minutes.")
    assert waiting_time(90, "en", FLOW, phrases).endswith("You will wait about one and a half minutes.")
    odd = FLOW.model_copy(update={"handoff": FLOW.handoff.model_copy(update={"wait_s": 200})})
    assert waiting_time(told(201, odd), "de", odd, phrases).endswith("länger als 3 Minuten.")
    short = FLOW.model_copy(update={"handoff": FLOW.handoff.model_copy(update={"wait_s": 5})})
    assert tellable(short) == [5] and told(3, short) == 5


@pytest.mark.parametrize("wait_s", range(5, 601, 5))
def test_every_time_has_its_words(wait_s: int) -> None:
    flow = FLOW.model_copy(update={"handoff": FLOW.handoff.model_copy(update={"wait_s": wait_s})})
    assert all(waiting_time(seconds, "fr", flow, OFFICE.phrases) for seconds in tellable(flow))


def test_all_that_a_whisper_may_say_is_there_as_a_file() -> None:
    files = {(one.file, one.lang) for one in announcements(FLOW, OFFICE.faq, OFFICE.phrases)}
    for why in ("asked", "key", "not-understood", "silence", "urgent", "lost-child"):
        for topic in ("", "eiffel.price", "no.such.topic", "goodbye"):
            for file in whisper(OFFICE.faq, "en", topic, why).split("&"):
                assert (file, "fr") in files and (file, "de") in files, file


def test_what_a_caller_says_is_no_part_of_a_whisper() -> None:
    assert whisper(OFFICE.faq, "en", "${SHELL(id)}", "x&y") == "desk/lang-en&desk/why-asked"


@pytest.mark.parametrize(
    ("text", "child"),
    [
        ("J'ai perdu mon fils !", True),
        ("My child is missing", True),
        ("Mein Kind ist weg", True),
        ("Help, fire!", False),
    ],
)
def test_a_lost_child(text: str, child: bool) -> None:
    assert is_about_a_child(text) is child
