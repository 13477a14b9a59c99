"""What counts about a call, told by its events."""

from __future__ import annotations

import pytest

from ivr.core import events
from ivr.core.events import Stamped
from ivr.reporting.call_facts import CallFacts, ContactKind, Request, call_of
from tests.store.calls import BEGUN, SECOND, stamped

STARTED = events.CallStarted("+331", "accueil", "accueil-1")
FRENCH = events.LanguageChosen("fr", "key")
WISH = events.PersonWanted("asked")


def end(outcome: str) -> events.CallFinished:
    return events.CallFinished(outcome, "caller", 60.0)


def told(*happened: events.Event) -> CallFacts:
    call = call_of("c1", stamped("c1", *happened))
    assert call is not None
    return call


@pytest.mark.parametrize(
    ("happened", "kind"),
    [
        ([end("answered")], ContactKind.CONTAINED),
        ([events.MessageLeft("m", "m.wav", "fr", "", 3.0, "sent"), end("message")], ContactKind.MESSAGE),
        ([events.CallbackWanted("b", "+331", "fr", 0.0, 1.0, ""), end("answered")], ContactKind.MESSAGE),
        ([end("abandoned")], ContactKind.LEFT),
        ([end("fallback")], ContactKind.FAILED),
        ([WISH, events.QueueLeft("message", 4.0), end("message")], ContactKind.PERSON),
        ([WISH, events.PersonAnswered("ana", 4.0), events.PersonLeft("ana", 60.0, "caller"), end("person")],
         ContactKind.PERSON),
    ],
)  # fmt: skip
def test_a_call_is_of_one_kind(happened: list[events.Event], kind: ContactKind) -> None:
    assert told(STARTED, FRENCH, *happened).kind is kind


def test_a_call_that_goes_on_does_not_count_yet() -> None:
    assert call_of("c1", stamped("c1", STARTED, WISH)) is None


def test_one_who_asks_again_waits_since_the_first_time() -> None:
    call = told(
        STARTED, WISH, events.PersonWanted("key"), events.QueueLeft("timeout", 120.0), end("abandoned")
    )
    assert call.requests == (Request("asked", "timeout", 120.0),)


def test_a_wish_after_a_talk_that_broke_off_is_another_one() -> None:
    talk = (events.PersonAnswered("ana", 4.0), events.PersonLeft("ana", 9.0, "adviser"))
    call = told(
        STARTED, WISH, *talk, events.PersonWanted("asked"), events.QueueLeft("hang-up", 8.0), end("person")
    )
    assert [(one.ended, one.waited_s) for one in call.requests] == [("answered", 4.0), ("hang-up", 8.0)]
    assert call.talked_s == (9.0,)


def test_a_call_whose_end_of_waiting_was_not_seen_was_hung_up() -> None:
    """Events are a second apart: the request comes at 1 s, the end of the call at 3 s."""
    call = told(STARTED, WISH, events.Queued("desk-fr", 1, 0.0), end("abandoned"))
    assert call.requests == (Request("asked", "hang-up", 2.0),)


def test_answers_measured_twice_count_once() -> None:
    twice = (events.MouthToEar(1, 3.0, 0.8), events.MouthToEar(2, 9.0, 1.1)) * 2
    call = told(STARTED, FRENCH, end("answered"), *twice)
    assert (call.lang, call.answers_s) == ("fr", (0.8, 1.1))


def said(key: str) -> events.Said:
    return events.Said(key, "Le bureau est fermé.", "fr", 3.0, 2.0, 2.0, False)


def test_one_who_asked_when_nobody_was_there_did_not_hang_up() -> None:
    """No queue, so no end of a wait: the service says that nobody is on duty, and takes a message."""
    left = events.MessageLeft("m", "m.wav", "fr", "", 9.0, "sent")
    call = told(STARTED, WISH, said("closed"), left, end("message"))
    assert call.requests == (Request("asked", "empty", 1.0),)


def test_what_is_said_after_the_waiting_does_not_end_it_again() -> None:
    call = told(STARTED, WISH, events.QueueLeft("timeout", 120.0), said("handoff_failed"), end("message"))
    assert [one.ended for one in call.requests] == ["timeout"]


def test_the_queue_log_counts_whole_seconds() -> None:
    """The answer comes in the second of the request, with an earlier time; the call's end was stored before it."""
    wish = Stamped("c1", BEGUN + 700_000_000, 0.7, WISH)
    answered = Stamped("c1", BEGUN + 12, 0.0, events.PersonAnswered("ana", 0.0))
    talk = Stamped("c1", BEGUN + 40 * SECOND, 40.0, events.PersonLeft("ana", 40.0, "adviser"))
    finished = Stamped("c1", BEGUN + 9 * SECOND, 9.0, end("person"))
    call = call_of("c1", [answered, wish, finished, talk])
    assert call is not None and call.requests == (Request("asked", "answered", 0.0),)
    assert call.talked_s == (40.0,)
