"""Asterisk's queue log as events: every way a wait can end, once each."""

from __future__ import annotations

import pytest

from ivr.asterisk.queue_log import LEFT, QueueLogParser, parse
from ivr.asterisk.queues import members
from ivr.core import events

WANTED = "1795321430|c1|desk-en|NONE|WANTED|1795321425500|30|1795321400.5"
ENTERS = "1795321430|c1|desk-en|NONE|ENTERQUEUE||+33612345678|2"
RINGS = "1795321431|c1|desk-en|anna|RINGING|"
ACCEPTS = "1795321440|c1|desk-en|anna|ACCEPTED|"
QUEUED, RINGING = events.Queued("desk-en", 2, 30.0), events.Ringing("Anna")
ANSWERED = events.PersonAnswered("Anna", 14.5)


def read(*lines: str) -> list[events.Event]:
    reading = QueueLogParser({"anna": "Anna"})
    return [event for text in lines if (line := parse(text)) is not None for event in reading.read(line)]


@pytest.mark.parametrize("by", ["caller", "adviser"])
def test_a_talk(by: str) -> None:
    over = f"1795321500|c1|desk-en|anna|OVER|{by}"
    native = "1795321500|c1|desk-en|anna|COMPLETECALLER|10|60|1"
    back = "1795321500|c1|desk-en|NONE|BACK|CONTINUE"
    told = read(WANTED, ENTERS, RINGS, ACCEPTS, over, native, back)
    assert told == [QUEUED, RINGING, ANSWERED, events.PersonLeft("Anna", 60.0, by)]


@pytest.mark.parametrize(("status", "why"), sorted(LEFT.items()))
def test_back_without_an_adviser(status: str, why: str) -> None:
    back = f"1795321445|c1|desk-en|NONE|BACK|{status}"
    assert read(WANTED, ENTERS, back) == [QUEUED, events.QueueLeft(why, 19.5)]


def test_who_is_taken_out_of_the_queue_as_everybody_refused_has_not_hung_up() -> None:
    refused = "1795321435|c1|desk-en|anna|REFUSED|"
    declined, gone = "1795321435|c1|desk-en|NONE|DECLINED|", "1795321435|c1|desk-en|NONE|ABANDON|1|2|5"
    back = "1795321435|c1|desk-en|NONE|BACK|DECLINED"
    assert read(WANTED, ENTERS, RINGS, refused, declined, gone, back) == [
        QUEUED, RINGING, events.QueueLeft("declined", 9.5),
    ]  # fmt: skip


def test_a_hang_up_while_it_rings_and_a_key_pressed_too_late() -> None:
    gone = "1795321435|c1|desk-en|NONE|ABANDON|1|2|5"
    over = "1795321441|c1|desk-en|anna|OVER|caller"
    assert read(WANTED, ENTERS, RINGS, gone, ACCEPTS, over) == [
        QUEUED, RINGING, events.QueueLeft("hang-up", 9.5),
    ]  # fmt: skip


def test_refused_is_no_talk() -> None:
    refused, over = "1795321432|c1|desk-en|anna|REFUSED|", "1795321432|c1|desk-en|anna|OVER|caller"
    assert read(WANTED, ENTERS, RINGS, refused, over) == [QUEUED, RINGING]


@pytest.mark.parametrize(
    "text",
    ["", "x", "1|2", "1795321430|NONE|NONE|NONE|QUEUESTART|", ACCEPTS, "a|b|c|d|e|f", "1|c|q|a|WANTED|x|y|z"],
)
def test_what_tells_nothing_of_a_call_is_left_out(text: str) -> None:
    assert read(text) == []


def test_seconds_count_from_the_answer() -> None:
    reading = QueueLogParser({})
    for text, seconds in ((WANTED, 29.5), (ACCEPTS, 39.5)):
        line = parse(text)
        assert line is not None
        list(reading.read(line))
        assert reading.seconds(line) == seconds


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "available"),
        ({"Paused": "1", "PausedReason": "away"}, "away"),
        ({"Paused": "1", "PausedReason": ""}, "paused"),
        ({"Status": "5"}, "unreachable"),
        ({"Status": "6"}, "ringing"),
        ({"Status": "2"}, "in-call"),
        ({"InCall": "1", "Paused": "1"}, "in-call"),
        ({"LastCall": "995"}, "wrap-up"),
        ({"LastCall": "980"}, "available"),
    ],
)
def test_the_state_of_an_adviser(fields: dict[str, str], state: str) -> None:
    row = {"Event": "QueueMember", "Name": "anna", "Queue": "desk-fr", "Status": "1", "Paused": "0", "InCall": "0",
           "PausedReason": "", "LastCall": "0", "Wrapuptime": "10", "CallsTaken": "3", **fields}  # fmt: skip
    [member] = members([row, {"Event": "QueueParams"}], 1000.0)
    assert (member.id, member.state, member.calls, member.queues) == ("anna", state, 3, ("desk-fr",))


@pytest.mark.parametrize("number", ["+336|12", "|", "a|b|c", "\x00", "+33", "", "|||", "é|ñ"])
def test_any_number_of_a_caller_leaves_their_place_readable(number: str) -> None:
    enters = f"1795321430|c1|desk-en|NONE|ENTERQUEUE||{number}|2"
    assert read(WANTED, enters, RINGS) == [QUEUED, RINGING]


@pytest.mark.parametrize(
    "bad",
    [
        "1795321430|c1|desk-en|NONE|ENTERQUEUE||+33|x",
        "1795321430|c1|desk-en|NONE|ENTERQUEUE|",
        "1795321430|c1|desk-en|anna|OVER|nobody",
        "1795321430|c1|desk-en|anna|OVER",
    ],
)
def test_a_line_that_cannot_be_read_is_left_out_and_the_next_is_read(bad: str) -> None:
    told = read(WANTED, ENTERS, ACCEPTS, bad, "1795321500|c1|desk-en|NONE|BACK|TIMEOUT")
    assert told[-1] == events.QueueLeft("timeout", 74.5) and QUEUED in told
