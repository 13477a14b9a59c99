"""Messages: nothing that was recorded is lost, nothing that was thrown away comes back."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.core.audio import read_audio, seconds
from ivr.core.events import MessageLeft
from ivr.store.messages import Collected
from tests.store.spool import FALLBACK_NOTE, Spool, cut_wav, wav


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


def collect(spool: Spool, *alive: str) -> list[Collected]:
    return list(spool.pending.collect(alive))


def kept(spool: Spool, message: MessageLeft) -> float:
    """Seconds of sound in the file of a message."""
    return seconds(read_audio(spool.settings.state / message.file))


def test_a_sent_message_is_collected_while_the_call_goes_on(spool: Spool) -> None:
    name = spool.record(wav(5.0))
    spool.pending.keep(name)
    [item] = collect(spool, "c1")
    assert (item.call_id, item.event) == (
        "c1", MessageLeft(name, f"voicemail/{name}.wav", "fr", "+331", 5.0, "sent"),
    )  # fmt: skip
    assert kept(spool, item.event) == pytest.approx(5.0, abs=0.01)
    assert spool.left() == []


def test_a_message_under_review_is_left_alone(spool: Spool) -> None:
    name = spool.record(wav(5.0))
    assert collect(spool, "c1") == []
    assert spool.left() == sorted([f"{name}.json", f"{name}.wav"])


def test_a_caller_who_hangs_up_has_left_what_he_said(spool: Spool) -> None:
    spool.record(wav(5.0))
    [item] = collect(spool, "another call")
    assert item.event.why == "hang-up" and kept(spool, item.event) == pytest.approx(5.0, abs=0.01)


def test_a_discarded_message_is_gone(spool: Spool) -> None:
    spool.pending.discard(spool.record(wav(5.0)))
    assert collect(spool) == [] and spool.left() == []


def test_a_message_whose_recorder_was_killed_is_kept_whole(spool: Spool) -> None:
    spool.record(cut_wav(7.5))
    [item] = collect(spool)
    assert item.event.seconds == 7.5
    with wave.open(str(spool.settings.state / item.event.file)) as file:  # believes the header
        assert file.getnframes() == 7.5 * 8000


@pytest.mark.parametrize(
    "content",
    [None, b"", b"RIFF", wav(0.0), wav(0.6)],
    ids=["no file", "0 bytes", "4 bytes", "header", "0.6 s"],
)
def test_less_than_a_second_is_a_hang_up_and_no_message(spool: Spool, content: bytes | None) -> None:
    spool.record(content)
    assert collect(spool) == [] and spool.left() == []


def test_a_recording_is_as_long_as_the_collector_finds_it(spool: Spool) -> None:
    name = spool.record(wav(2.5))
    assert spool.pending.length(name) == 2.5
    assert spool.pending.length(spool.record(None, "c2")) is None
    spool.pending.keep(name)
    [found] = collect(spool)
    assert found.event.seconds == 2.5


def test_several_messages_of_several_calls_are_collected_in_their_order(spool: Spool) -> None:
    names = [spool.record(wav(2.0), call_id) for call_id in ("c1", "c2", "c3")]
    assert [item.event.message for item in collect(spool, "c2")] == [names[0], names[2]]
    assert [item.event.message for item in collect(spool)] == [names[1]]


def test_a_crash_after_the_event_was_written_collects_again_under_the_same_name(spool: Spool) -> None:
    name = spool.record(wav(5.0))
    before_the_crash = next(spool.pending.collect(()))
    [again] = collect(spool)
    assert again.event == before_the_crash.event and again.event.message == name
    assert spool.left() == []


def test_a_recording_begun_after_the_look_at_the_channels_is_left_alone(spool: Spool) -> None:
    """Its call is not among the channels, because they were asked for before it began."""
    notes = spool.pending.waiting()
    spool.record(wav(5.0), "new call")
    assert list(spool.pending.collect((), notes)) == []


@pytest.mark.parametrize(
    ("note", "call"),
    [
        ("", ""),
        ("[1, 2]", ""),
        ('{"call": "c1", "at": "soon"}', "c1"),
        ('{"at": null}', ""),
        ("[" * 99_999, ""),
    ],
)
def test_a_note_that_cannot_be_read_does_not_lose_the_message(
    spool: Spool, caplog: pytest.LogCaptureFixture, note: str, call: str
) -> None:
    name = spool.record(wav(5.0))
    (spool.pending.notes / f"{name}.json").write_text(note)
    assert not call or collect(spool, call) == [], "what a broken note tells is used"
    [item] = collect(spool, "" if call else "c1")
    assert (item.call_id, item.event.seconds, item.event.number) == (call, 5.0, "")
    assert "cannot be read" in caplog.text and spool.left() == []


def test_playing_back_gives_the_sound_and_silence_for_what_cannot_be_read(spool: Spool) -> None:
    assert seconds(spool.pending.audio(spool.record(wav(3.0)))) == pytest.approx(3.0, abs=0.01)
    assert spool.pending.audio(spool.record(b"")) == b""
    assert spool.pending.audio("never recorded") == b""


# what the dialplan took by itself


def test_a_message_of_the_fallback_is_collected_with_its_call_number_and_time(spool: Spool) -> None:
    spool.leave_at_fallback(wav(4.0))
    [item] = collect(spool)
    assert (item.call_id, item.at) == ("fake-1795510790.7", 1795510800.0)
    assert (item.event.number, item.event.lang) == ("+34912345678", "es")
    assert (item.event.why, item.event.seconds) == ("fallback", 4.0)
    assert spool.left() == []


def test_a_message_that_is_being_spoken_to_the_fallback_is_left_alone(spool: Spool) -> None:
    spool.leave_at_fallback(wav(4.0))
    assert collect(spool, "fake-1795510790.7") == []
    assert len(collect(spool)) == 1


def test_a_message_to_the_fallback_that_asterisk_was_killed_in_is_kept(spool: Spool) -> None:
    spool.leave_at_fallback(cut_wav(7.5))
    [item] = collect(spool)
    assert (item.event.number, item.event.seconds) == ("+34912345678", 7.5)


def test_messages_of_the_fallback_in_one_second_are_two(spool: Spool) -> None:
    spool.leave_at_fallback(wav(4.0), "fake-1795510790.7")
    spool.leave_at_fallback(wav(6.0), "fake-1795510790.8")
    first, second = collect(spool)
    assert first.event.file != second.event.file
    assert [kept(spool, item.event) for item in (first, second)] == pytest.approx([4.0, 6.0], abs=0.01)


def test_a_message_of_the_fallback_that_is_collected_again_after_a_crash_is_the_same(spool: Spool) -> None:
    spool.leave_at_fallback(wav(4.0))
    crashed = next(spool.pending.collect(()))  # nothing is removed yet
    [item] = collect(spool)
    assert item.event == crashed.event


@pytest.mark.parametrize("note", [None, "", "\n", "garbage", FALLBACK_NOTE[:30], '{"at": "soon"}'])
def test_a_broken_note_of_the_fallback_does_not_lose_the_message(spool: Spool, note: str | None) -> None:
    spool.leave_at_fallback(wav(4.0), note=note)
    assert collect(spool, "fake-1795510790.7") == []
    [item] = collect(spool)
    assert (item.call_id, item.event.seconds) == ("fake-1795510790.7", 4.0) and spool.left() == []


@pytest.mark.parametrize("content", [b"", wav(1.05)], ids=["0 bytes", "silence"])
def test_an_empty_message_of_the_fallback_is_no_message(spool: Spool, content: bytes) -> None:
    spool.leave_at_fallback(content)
    assert collect(spool) == [] and spool.left() == []


# a full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "accueil-test", place], capture_output=True
    )
    if made.returncode:
        pytest.skip("needs leave to mount a small disk")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_keeps_every_message_where_it_is(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(small_disk)
    old = spool.record(wav(10.0), "c1")
    spool.pending.keep(old)
    [earlier] = collect(spool, "c1")
    spool.record(cut_wav(15.0), "c2")
    (small_disk / "ballast").write_bytes(bytes(shutil.disk_usage(small_disk).free - 4096))
    waiting = spool.left()
    for _ in range(3):
        assert collect(spool) == [] and spool.left() == waiting
    assert caplog.text.count("ALARM") == 1 and os.strerror(errno.ENOSPC) in caplog.text
    assert kept(spool, earlier.event) == pytest.approx(10.0, abs=0.01), "earlier messages are intact"
    os.remove(small_disk / "ballast")
    [item] = collect(spool)
    assert kept(spool, item.event) == pytest.approx(15.0, abs=0.01)
    assert spool.left() == []
