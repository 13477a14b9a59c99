"""The announced waiting times."""

from __future__ import annotations

from ivr.asterisk.queues import Member, WaitingCaller
from ivr.console.jobs.wait_announcements import AnnouncedWait, estimates
from ivr.content.callflow import load_callflow
from ivr.content.callflow.wait_estimate import GAP_S, HandlingTime
from tests.conftest import ROOT

FLOW = load_callflow(ROOT)
QUEUES = ("desk-en", "desk-fr")
ANNA, LUC = (Member(name, "in-call", QUEUES, 3) for name in ("anna", "luc"))
TALK_S = 40.0 - FLOW.handoff.wrap_up_s - GAP_S
TALKS = HandlingTime(1_000_000, TALK_S, TALK_S**2)
"""Conversations of equal length: forty seconds from one to the next."""


def waits(queue: str, place: int, seconds: int, first: int = 0) -> WaitingCaller:
    return WaitingCaller(f"call-{queue}-{place}", queue, place, seconds, f"{queue}-{place}", first)


def announced(*waiting: WaitingCaller, members: tuple[Member, ...] = (ANNA, LUC)) -> dict[str, int]:
    return {one.channel: one.seconds for one in estimates(FLOW, members, waiting, TALKS)}


def test_each_place_has_its_own_time_and_the_last_one_is_over_the_limit() -> None:
    places = [waits("desk-en", place, 100 - place) for place in range(1, 9)]
    assert list(announced(*places).values()) == [20, 30, 60, 60, 90, 90, 120, 120]


def test_an_earlier_caller_in_another_language_takes_the_same_advisers() -> None:
    english, french = waits("desk-en", 1, 10), [waits("desk-fr", 1, 30), waits("desk-fr", 2, 20)]
    assert (
        announced(*french, english)["desk-en-1"]
        == announced(*french, waits("desk-fr", 3, 10))["desk-fr-3"]
        == 60
    )


def test_absent_advisers_do_not_count_and_a_free_adviser_means_no_time() -> None:
    one = waits("desk-en", 1, 10)
    away = Member("luc", "away", QUEUES, 3)
    assert announced(one, members=(ANNA, away)) == {"desk-en-1": 30}
    assert announced(one, members=(Member("anna", "available", QUEUES, 3),)) == {"desk-en-1": 0}
    assert announced(one, members=(Member("anna", "wrap-up", QUEUES, 3, rests_s=8.0),)) == {"desk-en-1": 10}
    assert announced(one, members=(away,)) == {"desk-en-1": 0}


def test_a_ringing_adviser_counts_for_the_caller_it_rings_for() -> None:
    rung, next_one = waits("desk-en", 1, 30), waits("desk-en", 2, 10)
    ringing = Member("anna", "ringing", QUEUES, 3)
    assert announced(rung, next_one, members=(ringing,)) == {"desk-en-1": 0, "desk-en-2": 40}


def test_the_language_is_that_of_the_queue() -> None:
    assert list(estimates(FLOW, (ANNA,), [waits("desk-fr", 1, 1)], TALKS)) == [
        AnnouncedWait("desk-fr-1", "fr", 30)
    ]
