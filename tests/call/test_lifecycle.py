"""The states of a call: every legal transition leads on, everything else raises."""

from __future__ import annotations

import itertools

import pytest

from ivr.call.lifecycle import (
    CALLER_LEFT,
    TRANSITIONS,
    CallEvent,
    CallState,
    IllegalTransition,
    Lifecycle,
)
from tests.conftest import ROOT

E, S = CallEvent, CallState


def after(*happened: CallEvent) -> CallState:
    """The state of a call to which this has happened."""
    lifecycle = Lifecycle()
    for event in happened:
        lifecycle.on(event)
    return lifecycle.state


@pytest.mark.parametrize(
    ("happened", "state"),
    [
        ((), S.ARRIVED),
        ((E.ANSWERED,), S.TALKING),
        ((E.ANSWERED, E.TRANSFER), S.TRANSFERRING),
        ((E.ANSWERED, E.TRANSFER, E.CHANNEL_LEFT), S.IN_DIALPLAN),
        ((E.ANSWERED, E.HANG_UP, E.CHANNEL_LEFT, E.FINISH), S.FINISHED),
        ((E.ANSWERED, E.CHANNEL_LEFT, E.FINISH), S.FINISHED),
        ((E.CHANNEL_LEFT, E.FINISH), S.FINISHED),
        ((E.ANSWERED, E.FALL_BACK), S.IN_DIALPLAN),
        ((E.ANSWERED, E.TRANSFER, E.FALL_BACK), S.IN_DIALPLAN),
    ],
)
def test_a_call_goes_its_way(happened: tuple[CallEvent, ...], state: CallState) -> None:
    assert after(*happened) is state


def test_a_call_that_the_service_ends_is_hung_up_and_one_that_the_caller_ends_is_gone() -> None:
    assert after(E.ANSWERED, E.HANG_UP, E.CHANNEL_LEFT) is S.HUNG_UP
    assert after(E.ANSWERED, E.HANG_UP, E.CALLER_GONE) is S.HUNG_UP
    assert after(E.ANSWERED, E.CALLER_GONE) is S.GONE


def test_a_caller_who_hangs_up_during_a_transfer_is_gone() -> None:
    assert after(E.ANSWERED, E.TRANSFER, E.CALLER_GONE) is S.GONE
    assert after(E.ANSWERED, E.TRANSFER, E.CHANNEL_LEFT, E.CALLER_GONE) is S.GONE


@pytest.mark.parametrize("request_", [E.ANSWERED, E.TRANSFER, E.HANG_UP])
def test_a_request_after_the_caller_has_gone_changes_nothing(request_: CallEvent) -> None:
    assert after(E.ANSWERED, E.CHANNEL_LEFT, request_) is S.GONE


def test_what_the_table_does_not_list_raises_and_changes_nothing() -> None:
    for state, event in itertools.product(CallState, CallEvent):
        if event in TRANSITIONS[state]:
            continue
        lifecycle = Lifecycle()
        for step in to(state):
            lifecycle.on(step)
        with pytest.raises(IllegalTransition, match=f"{event} in state {state}"):
            lifecycle.on(event)
        assert lifecycle.state is state


def test_the_table_in_the_documents_is_this_table() -> None:
    shown = (ROOT / "docs/architecture.md").read_text("utf-8").splitlines()
    assert "| state | " + " | ".join(CallEvent) + " |" in shown
    for state in CallState:
        following = [TRANSITIONS[state].get(event, "-") for event in CallEvent]
        assert f"| {state} | " + " | ".join(following) + " |" in shown


def test_every_state_is_reached_and_every_call_can_end() -> None:
    assert {state: after(*to(state)) for state in CallState} == {state: state for state in CallState}
    ends = {state for state in CallState if not TRANSITIONS[state]}
    assert ends == {S.FINISHED}
    assert all(E.FINISH in TRANSITIONS[state] for state in CALLER_LEFT - ends)


def to(state: CallState) -> tuple[CallEvent, ...]:
    """The fewest events that lead to a state."""
    ways: dict[CallState, tuple[CallEvent, ...]] = {S.ARRIVED: ()}
    for _ in CallState:
        for known, way in list(ways.items()):
            for event, following in TRANSITIONS[known].items():
                ways.setdefault(following, (*way, event))
    return ways[state]
