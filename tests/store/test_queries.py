"""Questions to the store, and how events become the rows that answer them."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core import events as kinds
from ivr.store import queries, writer
from ivr.store.database import Store
from ivr.store.rows import TurnRow
from ivr.store.tables import metadata
from tests.store.calls import BEGUN, CALLER, NUMBER, PSEUDONYMS, SAMPLES, SECOND, kept, stamped


def write(store: Store, told: list[kinds.Stamped]) -> int:
    return writer.write(store, told, PSEUDONYMS)


def started(number: str = "+33149521010") -> kinds.CallStarted:
    return kinds.CallStarted(number, "accueil", "accueil-1")


def message(name: str) -> kinds.MessageLeft:
    return kinds.MessageLeft(name, f"voicemail/{name}.wav", "fr", "+331", 4.0, "sent")


def test_a_call_is_told_by_its_events(store: Store) -> None:
    write(store, stamped())
    [row] = queries.recent_calls(store)
    assert asdict(row) == {
        "id": "c1", "started": BEGUN / 1e9, "number": CALLER, "called": "accueil", "lang": "es",
        "outcome": "message", "ended_by": "caller", "seconds": 61.25, "recording": "recordings/c1.wav",
        "generation": 3, "recogniser": "whisper", "refused": 0, "held": "", "wordless": 0,
    }  # fmt: skip
    assert queries.events_of(store, "c1") == kept(stamped())


def test_a_message_is_told_by_its_events(store: Store) -> None:
    write(store, stamped())
    [row] = queries.all_messages(store)
    [left] = [item.seq for item in stamped() if isinstance(item.event, kinds.MessageLeft)]
    told = {
        "id": "m1", "call_id": "c1", "left_at": left / 1e9, "number": NUMBER, "lang": "es",
        "seconds": 12.5, "file": "voicemail/m1.wav", "why": "sent", "transcript": "me llamo Ana", "confidence": 0.7,
        "transcribed": 1,
    }  # fmt: skip
    assert asdict(row) == asdict(row) | told


def test_writing_again_changes_nothing(store: Store) -> None:
    assert write(store, stamped()) == len(SAMPLES)
    before = queries.recent_calls(store), queries.all_messages(store)
    assert write(store, stamped()) == 0
    assert (queries.recent_calls(store), queries.all_messages(store)) == before


@settings(max_examples=20)
@given(st.permutations(range(len(SAMPLES))), st.integers(0, len(SAMPLES)))
def test_any_order_in_any_two_portions_gives_all_events_once(order: list[int], cut: int) -> None:
    store = Store("sqlite://")
    shuffled = [stamped()[index] for index in order]
    write(store, shuffled[:cut])
    write(store, shuffled[max(0, cut - 3) :])
    assert queries.events_of(store, "c1") == kept(stamped())
    [row] = queries.recent_calls(store)
    assert (row.started, row.lang, row.outcome) == (BEGUN / 1e9, "es", "message")
    store.close()


def test_a_message_collected_twice_is_one_message(store: Store) -> None:
    """A crash between the event and the end of the note: the same message is offered again, later."""
    write(store, stamped("c1", started(), message("m1")))
    write(
        store,
        stamped("c1", message("m1"), kinds.CallFinished("message", "caller", 9.0), first=BEGUN + 60 * SECOND),
    )
    assert [row.id for row in queries.all_messages(store)] == ["m1"]
    assert queries.recent_calls(store)[0].outcome == "message"


def test_a_return_from_an_adviser_is_not_another_beginning(store: Store) -> None:
    again = kinds.CallStarted("+33149521010", "s", "accueil-2", part=1)
    write(store, stamped("c1", started(), kinds.HandOff("desk"), again))
    [row] = queries.recent_calls(store)
    assert (row.started, row.called) == (BEGUN / 1e9, "accueil")


def test_the_newest_calls_come_first_and_no_more_than_asked_for(store: Store) -> None:
    for index in range(30):
        write(store, stamped(f"c{index:02}", started(), first=BEGUN + index * SECOND))
    assert [row.id for row in queries.recent_calls(store, 3)] == ["c29", "c28", "c27"]
    assert len(queries.recent_calls(store)) == 20


@pytest.mark.parametrize(
    ("asked", "found"),
    [("1795.1", "1795.1"), ("1795.12", "1795.12"), ("1795.2", "1795.25"), ("1795", None), ("18", None), ("%", None),
     ("1795_1", None)],
)  # fmt: skip
def test_a_call_or_message_is_found_by_its_id_or_by_a_unique_beginning(
    store: Store, asked: str, found: str | None
) -> None:
    for name in ("1795.1", "1795.12", "1795.25"):
        write(store, stamped(name, started(), message(name)))
    call, left = queries.call(store, asked), queries.message(store, asked)
    assert (call and call.id, left and left.id) == (found, found)


def test_messages_wait_for_their_transcript_even_an_empty_one(store: Store) -> None:
    write(store, stamped("c1", started(), message("m1"), message("m2")))
    assert [row.id for row in queries.untranscribed(store)] == ["m1", "m2"]
    write(store, stamped("c1", kinds.MessageTranscribed("m1", "", 0.0), first=BEGUN + 60 * SECOND))
    assert [row.id for row in queries.untranscribed(store)] == ["m2"]


def test_unfinished_calls_are_those_that_nobody_has_seen_end(store: Store) -> None:
    write(store, stamped("old", started(), first=BEGUN - 90_000 * SECOND))
    write(store, stamped("running", started()))
    write(store, stamped("over", started(), kinds.CallFinished("answered", "caller", 20.0)))
    assert queries.running_calls(store, BEGUN / 1e9 - 86_400) == ["running"]


def test_what_another_machine_has_to_finish_is_left_to_it(store: Store) -> None:
    """Several machines, one database: each knows its own channels and has its own disk."""
    for name in ("paris-1795302000.1", "paris-2-1795302000.1", "paris-2-fallback-m9"):
        write(
            store,
            stamped(name, started(), message(name), kinds.RecordingKept(f"recordings/{name}.flac", 3.0)),
        )
    theirs = {"paris": ["paris-1795302000.1"], "paris-2": ["paris-2-1795302000.1", "paris-2-fallback-m9"]}
    for instance, ids in theirs.items():
        assert sorted(queries.running_calls(store, 0.0, instance)) == ids
        assert sorted(row.id for row in queries.untranscribed(store, instance)) == ids


def test_readers_do_not_wait_for_the_writer(store: Store) -> None:
    write(store, stamped())
    with store.begin() as writing:
        writing.execute(sa.text("UPDATE calls SET lang = 'de'"))
        assert queries.recent_calls(store)[0].lang == "es"


def test_an_ending_concluded_from_outside_never_overrules_who_was_there(store: Store) -> None:
    seen, concluded = (
        kinds.CallFinished("answered", "service", 30.0),
        kinds.CallFinished("fallback", "dialplan", 30.0),
    )
    for order in ((seen, concluded), (concluded, seen)):
        id = f"c-{order[0].by}"
        told = [
            kinds.Stamped(id, BEGUN + place, 0.0, event) for place, event in enumerate((started(), *order))
        ]
        write(store, told)
        row = queries.call(store, id)
        assert row is not None and (row.outcome, row.ended_by) == ("answered", "service")


def test_a_turn_is_told_by_the_events_around_it(store: Store) -> None:
    write(store, stamped())
    speech, key, silence = queries.turns_of(store, "c1")
    told = {
        "call_id": "c1", "n": 1, "kind": "speech", "start_s": 2.0, "end_s": 3.5, "lang": "es",
        "heard": "¿cuánto cuesta?", "engine": "whisper", "confidence": 0.875, "generation": 3,
        "mouth_to_ear_s": 0.84, "answer": "", "intent": "",
    }  # fmt: skip
    assert asdict(speech) == asdict(speech) | told
    assert (key.kind, key.heard, key.start_s) == ("key", "#", 5.0)
    told = {"kind": "silence", "intent": "eiffel.price", "intent_confidence": 0.91, "second": "eiffel.hours",
            "decision": "either", "decided": "eiffel.price"}  # fmt: skip
    assert asdict(silence) == asdict(silence) | told


def test_what_we_say_after_a_turn_is_its_answer(store: Store) -> None:
    said = [
        kinds.Said(name, text, "fr", start, 1.0, 1.0, False)
        for name, text, start in (
            ("louvre.hours", "De neuf à dix-huit heures.", 4.0),
            ("anything_else", "Et ?", 5.2),
        )
    ]
    heard = kinds.Heard("les horaires du Louvre", "fr", 0.9, "whisper", 2.0, 3.5, 0.4)
    write(store, stamped("c1", started(), said[1], heard, kinds.Decided("answer", "louvre.hours"), *said))
    [turn] = queries.turns_of(store, "c1")
    assert (turn.answer, turn.answer_s) == ("louvre.hours anything_else", 4.0)
    assert turn.answer_text == "De neuf à dix-huit heures. Et ?" and turn.lang == "fr"


@settings(max_examples=20)
@given(st.permutations(range(len(SAMPLES))), st.integers(0, len(SAMPLES)))
def test_turns_do_not_depend_on_the_order_of_writing(order: list[int], cut: int) -> None:
    told: list[list[TurnRow]] = []
    for shuffled in (stamped(), [stamped()[index] for index in order]):
        store = Store("sqlite://")
        write(store, shuffled[:cut])
        write(store, shuffled[max(0, cut - 3) :])
        told.append(queries.turns_of(store, "c1"))
        store.close()
    assert told[0] == told[1] and len(told[0]) == 3


# no number in the store but where it is needed


def texts(store: Store) -> str:
    """Everything in the database."""
    with store.connect() as connection:
        tables = metadata.tables.values()
        return "\n".join(str(tuple(row)) for table in tables for row in connection.execute(sa.select(table)))


def test_a_number_is_stored_as_a_pseudonym(store: Store) -> None:
    write(store, stamped("c1", started(NUMBER), kinds.CallFinished("answered", "caller", 9.0)))
    assert NUMBER[1:] not in texts(store) and queries.recent_calls(store)[0].number == CALLER


def test_a_message_keeps_the_number_to_call_back(store: Store) -> None:
    write(store, stamped())
    assert texts(store).count(NUMBER) == 1 and queries.all_messages(store)[0].number == NUMBER


def test_the_caller_of_a_message_that_no_worker_saw_come_is_known_by_his_pseudonym(store: Store) -> None:
    write(store, stamped("c1", kinds.MessageLeft("m1", "voicemail/m1.wav", "es", NUMBER, 3.0, "fallback")))
    assert queries.recent_calls(store)[0].number == CALLER


# refused


@pytest.mark.parametrize("place", [0, 1, 8, len(SAMPLES)])
def test_of_a_caller_who_refuses_to_be_recorded_only_counts_are_kept(store: Store, place: int) -> None:
    alone = [
        event for event in SAMPLES if not isinstance(event, kinds.MessageLeft | kinds.MessageTranscribed)
    ]
    told = stamped("c1", *alone[:place], kinds.RecordingRefused(), *alone[place:])
    write(store, told[:place])
    write(store, told)
    [row] = queries.recent_calls(store)
    assert (row.refused, row.number, row.recording, row.lang) == (1, "", "", "es")
    assert (row.outcome, row.seconds) == ("message", 61.25)
    stored = texts(store)
    for word in ("cuánto", "hola", "eiffel", "recordings/", CALLER, NUMBER, "#"):
        assert word not in stored, word
    assert queries.turns_of(store, "c1") == []


@pytest.mark.parametrize("place", [1, 8])
def test_a_refusal_is_the_same_in_one_portion_as_event_by_event(store: Store, place: int) -> None:
    """As after an outage: earlier facts of the call stay, the caller's words do not."""
    happened = [*SAMPLES[:place], kinds.RecordingRefused(), *SAMPLES[place:]]
    write(store, stamped("c1", *happened))
    for item in stamped("c2", *happened):
        write(store, [replace(item, call_id="c2")])
    one, other = (replace(row, id="") for row in queries.recent_calls(store))
    assert one == other and one.called
    one_by_one, together = (
        [replace(item, call_id="") for item in queries.events_of(store, call_id)] for call_id in ("c2", "c1")
    )
    assert one_by_one == together


def test_a_message_left_after_a_refusal_is_kept_for_the_staff_alone(store: Store) -> None:
    write(store, stamped("c1", started(NUMBER), kinds.RecordingRefused(), *SAMPLES[-8:]))
    [left] = queries.all_messages(store)
    assert (left.number, left.transcript) == (NUMBER, "me llamo Ana")
    stored = "\n".join(str(item) for item in queries.events_of(store, "c1"))
    assert "Ana" not in stored and NUMBER not in stored and CALLER not in texts(store)
