"""The events of a call read as turns."""

from __future__ import annotations

from ivr.core import events
from ivr.evaluation.replay.call_history import read
from tests.store.calls import stamped


def said(key: str, start: float = 0.0, *, cut: bool = False) -> events.Said:
    return events.Said(key, key.upper(), "en", start, 2.0, 1.0 if cut else 2.0, cut)


HEARD = events.Heard("how much", "en", 0.8, "whisper", 5.0, 6.0, 0.4, 4.7, 6.2, "00ff00ff")
UNDERSTOOD = events.Understood("eiffel.price", 0.9, "eiffel.hours", 0.05, 9.0)


def test_a_call_as_turns() -> None:
    history = read("c1", stamped("c1",
        events.CallStarted("~x~78", "s", "accueil-1"), said("welcome"), events.KeyPressed("2"),
        events.LanguageChosen("en", "key"), said("how_can_i_help"), HEARD, UNDERSTOOD,
        events.Decided("answer", "eiffel.price"), said("eiffel.price", cut=True), events.NothingHeard(7.0),
        said("no_input"), events.CallFinished("answered", "caller", 30.0),
    ))  # fmt: skip
    one, two, three = history.turns
    assert (one.key, one.chosen, one.leads_to) == ("2", events.LanguageChosen("en", "key"), "asks")
    assert [item.key for item in two.asked] == ["how_can_i_help"]
    assert (two.since, two.t) == (one.t, 5.0)
    assert three.since == 5.0
    assert two.heard().intent is not None and two.heard().intent.name == "eiffel.price"  # type: ignore[union-attr]
    assert [item.key for item in two.told] == ["eiffel.price"]
    assert three.heard().silent and not three.goes_on  # the caller hung up: there is no outcome


def test_a_call_that_comes_back_has_two_parts() -> None:
    history = read("c1", stamped("c1",
        events.CallStarted("+331", "s", "accueil-1"), said("welcome"), events.KeyPressed("2"),
        events.LanguageChosen("en", "key"), said("how_can_i_help"), events.KeyPressed("0"),
        events.Decided("handoff", "human"), said("handoff"),
        events.Queued("desk-en", 2, 40.0), events.HandOff("desk"),
        events.CallStarted("+331", "s", "accueil-1", 1), events.HandOff("", "CONTINUE"), said("back_to_service"),
        events.NothingHeard(7.0), events.CallFinished("person", "service", 90.0),
    ))  # fmt: skip
    first, second = history.parts
    assert [turn.number for turn in history.turns] == [1, 2, 3]
    assert (first.turns[1].leads_to, first.turns[1].wait_s) == ("transfers", 40.0)
    assert (second.lang, second.status) == ("en", "CONTINUE")
    assert (first.given_back, second.given_back) == (False, True)
    assert (second.turns[0].part, second.turns[0].since, second.turns[0].leads_to) == (1, 11.0, "hangs up")


def test_an_emergency_was_urgent() -> None:
    history = read("c1", stamped("c1",
        events.CallStarted("", "s", "accueil-1"), HEARD, events.Decided("answer", "emergency"), said("emergency"),
    ))  # fmt: skip
    assert history.turns[0].heard().urgent


def test_calls_without_turns() -> None:
    assert read("c1", []).turns == ()
    assert (
        read("c1", stamped("c1", events.CallStarted("", "s", "w"), events.RecordingKept("r.wav", 2.0))).turns
        == ()
    )
