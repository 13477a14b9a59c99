"""Recordings of calls: two mono files become one stereo file, once the call is over."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from ivr.core.audio import read_channels, to_samples, wav_bytes
from ivr.store import recordings
from tests.store.spool import Spool, cut_wav, wav


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


def monitored(spool: Spool, caller: bytes | None, service: bytes | None, call_id: str = "1795.1") -> None:
    for side, content in (("in", caller), ("out", service)):
        if content is not None:
            (spool.monitor / f"{call_id}-{side}.wav16").write_bytes(content)


def sides(spool: Spool, call_id: str = "1795.1") -> list[float]:
    """Loudest sample of the left and right side."""
    channels, rate = read_channels(spool.settings.state / "recordings" / f"{call_id}.flac")
    assert rate == 16_000 and len(channels) == 2
    return [float(abs(to_samples(channel).astype(int)).max()) for channel in channels]


def test_the_caller_is_left_and_the_service_right(spool: Spool) -> None:
    monitored(spool, wav(2.0), bytes(wav(0.0)[:44]) + bytes(48_000))
    [(call_id, event)] = recordings.collect(spool.settings, ())
    assert (call_id, event.file, event.seconds) == ("1795.1", "recordings/1795.1.flac", 3.0)
    left, right = sides(spool)
    assert left > 7000 and right < 5
    assert spool.left() == []


def test_a_call_that_goes_on_is_left_alone(spool: Spool) -> None:
    monitored(spool, wav(2.0), wav(2.0))
    assert list(recordings.collect(spool.settings, ("1795.1",))) == []
    assert len(spool.left()) == 2


def test_a_call_begun_after_the_look_at_the_channels_is_left_alone(spool: Spool) -> None:
    before = recordings.waiting(spool.settings)
    monitored(spool, wav(2.0), wav(2.0))
    assert list(recordings.collect(spool.settings, (), before)) == []


def test_half_a_pair_waits_for_the_other_half(spool: Spool) -> None:
    monitored(spool, wav(2.0), None)
    assert list(recordings.collect(spool.settings, ())) == [] and len(spool.left()) == 1


def test_recordings_whose_writer_was_killed_are_whole(spool: Spool) -> None:
    monitored(spool, cut_wav(4.0), cut_wav(5.0))
    [(_, event)] = recordings.collect(spool.settings, ())
    assert event.seconds == 5.0 and min(sides(spool)) > 7000


@pytest.mark.parametrize("nothing", [b"", wav(0.0), b"garbage"], ids=["0 bytes", "header", "garbage"])
def test_a_caller_who_sent_no_sound_has_a_silent_side(
    spool: Spool, nothing: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    monitored(spool, nothing, wav(3.0))
    [(_, event)] = recordings.collect(spool.settings, ())
    left, right = sides(spool)
    assert event.seconds == 3.0 and left < 5 and right > 7000
    assert "one side is missing" in caplog.text


def test_a_recording_without_any_sound_is_left_out_and_logged(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    monitored(spool, b"", b"")
    monitored(spool, wav(1.0), wav(1.0), "1795.2")
    assert [call_id for call_id, _ in recordings.collect(spool.settings, ())] == ["1795.2"]
    assert "is empty and is left out" in caplog.text and spool.left() == []


def test_a_crash_in_between_collects_again(spool: Spool) -> None:
    monitored(spool, wav(2.0), wav(2.0))
    first = next(recordings.collect(spool.settings, ()))
    assert list(recordings.collect(spool.settings, ())) == [first]


def test_not_a_sample_is_changed(spool: Spool) -> None:
    caller, service = (np.random.default_rng(seed).integers(-32768, 32767, 32_000, "<i2") for seed in (1, 2))
    monitored(spool, *(wav_bytes(side.tobytes(), 16_000) for side in (caller, service)))
    list(recordings.collect(spool.settings, ()))
    channels, _ = read_channels(spool.settings.state / "recordings/1795.1.flac")
    assert channels == [caller.tobytes(), service.tobytes()]


def test_a_refused_recording_is_deleted_at_once_and_what_still_comes_too(spool: Spool) -> None:
    monitored(spool, wav(2.0), wav(2.0))
    recordings.refuse(spool.settings, "1795.1")
    assert spool.left() == []
    monitored(spool, wav(2.0), wav(2.0))  # Asterisk had not stopped yet
    monitored(spool, wav(1.0), wav(1.0), "1795.2")
    assert [call_id for call_id, _ in recordings.collect(spool.settings, ("1795.1",))] == ["1795.2"]
    monitored(spool, wav(2.0), None)
    assert list(recordings.collect(spool.settings, ())) == [] and spool.left() == []
    assert [path.name for path in (spool.settings.state / "recordings").iterdir()] == ["1795.2.flac"]
    mark = spool.settings.state / "refused/1795.1"
    os.utime(mark, (0, 0))
    assert list(recordings.collect(spool.settings, ())) == [] and not mark.exists()
