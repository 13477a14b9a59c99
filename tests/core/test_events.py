"""Events: one vocabulary, the same in memory, in the journal and in the store."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.core.events import EVENTS, CallFinished, Event, QueueLeft, Sequence, Stamped, from_json, to_json
from ivr.core.vocabulary import CallOutcome, Party, QueueExit
from tests.fakes.shapes import JSON
from tests.store.calls import EVERY, stamped


def test_the_samples_hold_every_kind() -> None:
    assert {event.kind for event in EVERY} == set(EVENTS)
    assert set(EVENTS.values()) == set(Event.__subclasses__())


@pytest.mark.parametrize("item", stamped("c1", *EVERY), ids=lambda item: item.event.kind)
def test_every_event_survives_the_journey_through_json(item: Stamped) -> None:
    line = json.dumps(to_json(item), ensure_ascii=False)
    assert "\n" not in line
    assert from_json(json.loads(line)) == item


@pytest.mark.parametrize("kind", EVENTS)
def test_no_field_hides_what_every_event_has(kind: str) -> None:
    assert {"call", "seq", "t", "kind"}.isdisjoint(spec.name for spec in fields(EVENTS[kind]))


@given(st.text(), st.integers(0, 2**63 - 1), st.floats(0, 1e6), st.text(), st.text())
def test_any_text_survives(call: str, seq: int, t: float, text: str, lang: str) -> None:
    event = EVENTS["heard"](text, lang, 0.5, "whisper", 0.0, 1.0, 0.1)  # type: ignore[call-arg]
    item = Stamped(call, seq, round(t, 3), event)
    assert from_json(json.loads(json.dumps(to_json(item)))) == item


def test_fields_of_a_later_version_are_left_out_and_earlier_ones_take_their_default() -> None:
    data = {"call": "c", "seq": 1, "t": 0, "kind": "hand-off", "target": "desk", "colour": "blue"}
    assert from_json(data).event == EVENTS["hand-off"]("desk")  # type: ignore[call-arg]


def test_listed_words_are_written_as_they_always_were_and_read_as_members() -> None:
    event = EVENTS["call-finished"](CallOutcome.PERSON, Party.ADVISER, 3.0)  # type: ignore[call-arg]
    line = json.dumps(to_json(Stamped("c", 1, 0.0, event)))
    assert line == (
        '{"call": "c", "seq": 1, "t": 0.0, "kind": "call-finished", '
        '"outcome": "person", "by": "adviser", "seconds": 3.0}'
    )
    read = from_json(json.loads(line)).event
    assert isinstance(read, CallFinished) and (read.outcome, read.by) == (CallOutcome.PERSON, Party.ADVISER)
    assert read.outcome is CallOutcome.PERSON and read.outcome.listed


def test_a_word_of_another_version_is_kept_and_is_none_of_the_members() -> None:
    line = '{"call": "c", "seq": 1, "t": 0.0, "kind": "queue-left", "why": "carried-off", "waited_s": 2.0}'
    item = from_json(json.loads(line))
    assert json.dumps(to_json(item)) == line
    assert isinstance(item.event, QueueLeft) and isinstance(item.event.why, QueueExit)
    assert item.event.why == "carried-off" and item.event.why not in list(QueueExit)
    assert not item.event.why.listed
    assert pickle.loads(pickle.dumps(item)) == item == copy.deepcopy(item)


@pytest.mark.parametrize("word", [None, 3, ["timeout"]])
def test_what_is_no_word_is_refused(word: object) -> None:
    data = {"call": "c", "seq": 1, "t": 0.0, "kind": "queue-left", "why": word, "waited_s": 2.0}
    with pytest.raises(ValueError):
        from_json(data)


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        {"kind": "nonsense"},
        {"kind": "key"},
        {"kind": "key", "digit": "1"},
        {"kind": "key", "call": "c", "seq": 1, "t": "soon", "digit": "1"},
        {"kind": "key", "call": "c", "seq": float("inf"), "t": 0, "digit": "1"},
    ],
)
def test_what_is_no_event_is_refused(data: Any) -> None:
    with pytest.raises(ValueError):
        from_json(data)


@given(st.dictionaries(st.sampled_from(["call", "seq", "t", "kind", "digit"]), JSON | st.just("key")))
def test_nonsense_is_refused_and_nothing_worse(data: dict[str, object]) -> None:
    try:
        from_json(data)
    except ValueError:
        return


def test_numbers_rise_strictly_and_follow_the_clock() -> None:
    sequence = Sequence()
    numbers = [sequence.next() for _ in range(1000)]
    assert numbers == sorted(set(numbers))
    assert Sequence().next() > numbers[0]
