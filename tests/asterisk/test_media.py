"""The media protocol without a socket: messages out, and the events of messages in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk.media import (
    AHEAD,
    FRAME,
    PIECE,
    AudioFrame,
    Closed,
    Dtmf,
    Flow,
    MarkProcessed,
    MediaMessage,
    MediaProtocol,
    MediaStarted,
    MediaState,
    MediaTrouble,
    Played,
    QueueDrained,
)
from ivr.core.errors import LinkLost
from tests.fakes.shapes import JSON


def event(name: str, **fields: object) -> str:
    return json.dumps({"event": name, **fields})


def opened(**options: int) -> MediaProtocol:
    media = MediaProtocol(**options)
    media.receive(event("MEDIA_START", channel_id="m1", optimal_frame_size=FRAME))
    assert media.events() == [MediaStarted("m1", FRAME)]
    return media


def commands(messages: list[MediaMessage]) -> list[str]:
    return [json.loads(message)["command"] for message in messages if isinstance(message, str)]


def sound(messages: list[MediaMessage]) -> bytes:
    return b"".join(message for message in messages if isinstance(message, bytes))


def marks(messages: list[MediaMessage]) -> list[str]:
    found = [json.loads(message) for message in messages if isinstance(message, str)]
    return [message["correlation_id"] for message in found if message["command"] == "MARK_MEDIA"]


def answer_marks(media: MediaProtocol, ids: list[str]) -> None:
    for id in ids:
        media.receive(event("MEDIA_MARK_PROCESSED", channel_id="m1", correlation_id=id))


def test_audio_leaves_in_whole_frames_and_the_rest_is_padded_at_the_mark() -> None:
    media = opened()
    assert media.audio(b"\1" * 1000) == 1000
    media.mark("end")
    out = media.messages()
    assert [len(piece) for piece in out if isinstance(piece, bytes)] == [FRAME, FRAME]
    assert sound(out) == b"\1" * 1000 + b"\0" * 280
    assert commands(out)[-1] == "MARK_MEDIA"


@given(st.lists(st.integers(1, 3 * PIECE), max_size=12), st.integers(1, 20))
def test_no_sample_is_lost_whatever_the_chunks(sizes: list[int], ahead_frames: int) -> None:
    media = opened(ahead=ahead_frames * FRAME // 2)
    said = b"".join(bytes([index + 1]) * size for index, size in enumerate(sizes))
    rest, out = said, b""
    while rest:
        taken = media.audio(rest)
        rest = rest[taken:]
        messages = media.messages()
        out += sound(messages)
        assert all(
            len(piece) % FRAME == 0 and len(piece) <= PIECE + FRAME for piece in messages if piece[:1] != "{"
        )
        assert media.ahead <= ahead_frames * FRAME // 2 + FRAME
        answer_marks(media, marks(messages))
    media.mark("end")
    out += sound(media.messages())
    assert out[: len(said)] == said
    assert not any(out[len(said) :]) and len(out) - len(said) < FRAME


def test_feed_ahead_stops_and_goes_on_when_asterisk_has_played() -> None:
    media = opened()
    total, first = 0, []
    while taken := media.audio(b"\1" * PIECE):
        total += taken
        first = first or marks(media.messages())
    assert total == AHEAD * 2 and media.room == 0
    answer_marks(media, first)
    assert media.room == PIECE
    assert media.events()[-1] == Played(PIECE // 2)


def test_xoff_stops_and_xon_goes_on() -> None:
    media = opened()
    media.receive(event("MEDIA_XOFF"))
    assert media.room == 0 and media.audio(b"\1" * FRAME) == 0
    media.receive(event("MEDIA_XON"))
    assert media.audio(b"\1" * FRAME) == FRAME
    assert media.events() == [Flow(True), Flow(False)]


def test_a_mark_is_told_once_and_in_order() -> None:
    media = opened()
    media.mark("a")
    media.mark("b")
    answer_marks(media, marks(media.messages()) * 2)
    assert media.events() == [MarkProcessed("a"), MarkProcessed("b")]


def test_flush_settles_marks_and_a_late_answer_is_ignored() -> None:
    media = opened()
    media.audio(b"\1" * 3 * FRAME + b"\2")
    media.mark("prompt")
    late = marks(media.messages())
    media.flush()
    assert commands(media.messages()) == ["FLUSH_MEDIA", "REPORT_QUEUE_DRAINED"]
    assert media.events() == [MarkProcessed("prompt", flushed=True)]
    assert media.ahead == 0
    answer_marks(media, late)
    media.receive(event("QUEUE_DRAINED", channel_id="m1"))
    assert media.events() == [QueueDrained()]


def test_flush_forgets_a_half_frame() -> None:
    media = opened()
    media.audio(b"\1" * 100)
    media.flush()
    media.messages()
    media.audio(b"\2" * FRAME)
    assert sound(media.messages()) == b"\2" * FRAME


def test_long_names_of_marks_never_reach_the_wire() -> None:
    media = opened()
    media.mark("x" * 500)
    out = media.messages()
    assert all(len(message) <= 128 for message in out)
    answer_marks(media, marks(out))
    assert media.events() == [MarkProcessed("x" * 500)]


def test_sound_may_come_before_the_start() -> None:
    media = MediaProtocol()
    media.receive(b"\1\0" * 320)
    assert media.events() == [AudioFrame(b"\1\0" * 320)]
    assert media.state is MediaState.WAITING


def test_keys() -> None:
    media = opened()
    for digit in ("5", "#", "a", "", "55", None, 5):
        media.receive(event("DTMF_END", digit=digit))
    events = media.events()
    assert events[:3] == [Dtmf("5"), Dtmf("#"), Dtmf("A")]
    assert all(isinstance(found, MediaTrouble) for found in events[3:]) and len(events) == 7


def test_half_a_sample_is_reported_and_cut() -> None:
    media = opened()
    media.receive(b"\1\0\2")
    trouble, frame = media.events()
    assert isinstance(trouble, MediaTrouble) and frame == AudioFrame(b"\1\0")


def test_wrong_frame_size_is_reported() -> None:
    media = MediaProtocol()
    media.receive(event("MEDIA_START", channel_id="m1", optimal_frame_size=320))
    trouble, started = media.events()
    assert isinstance(trouble, MediaTrouble) and started == MediaStarted("m1", 320)


def test_close_settles_marks_and_is_last_and_once() -> None:
    media = opened()
    media.mark("a")
    media.close("gone")
    media.close("again")
    media.receive(b"\1\0")
    assert media.events() == [MarkProcessed("a", flushed=True), Closed("gone")]
    for act in (lambda: media.audio(b""), lambda: media.mark("b"), media.flush):
        with pytest.raises(LinkLost):
            act()


NAMES = st.sampled_from(
    ["MEDIA_START", "MEDIA_MARK_PROCESSED", "MEDIA_XOFF", "DTMF_END", "ERROR", "QUEUE_DRAINED", "STATUS", "?"]
)
KEYS = st.sampled_from(["digit", "correlation_id", "channel_id", "optimal_frame_size", "error_text"])
TWISTED = st.builds(
    lambda name, rest: json.dumps({**rest, "event": name}), NAMES, st.dictionaries(KEYS, JSON, max_size=4)
)


@given(st.lists(st.text() | st.binary() | JSON.map(json.dumps) | TWISTED, max_size=20))
def test_garbage_never_raises_and_the_link_goes_on(messages: list[MediaMessage]) -> None:
    media = opened()
    for message in messages:
        media.receive(message)
    media.events()
    media.messages()
    if media.blocked:
        media.receive(event("MEDIA_XON"))
    media.receive(b"\1\0" * 320)
    assert media.events()[-1] == AudioFrame(b"\1\0" * 320)
    assert media.audio(b"\1" * FRAME) == FRAME


def test_deeply_nested_json_is_garbage() -> None:
    media = opened()
    media.receive("[" * 100_000)
    assert isinstance(media.events()[0], MediaTrouble)
