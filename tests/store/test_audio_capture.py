"""The caller's audio beside the recording: whole, in its parts, deleted when the caller refuses."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from ivr.core.audio import FRAME_BYTES, read_channels
from ivr.core.settings import Settings
from ivr.store import audio_capture, recordings
from ivr.store.audio_capture import AudioCapture
from tests.store.spool import Spool, wav

CALL = "fake-1795.1"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


def heard(frames: int, seed: int) -> bytes:
    samples = np.random.default_rng(seed).integers(-9000, 9000, frames * FRAME_BYTES // 2, "<i2")
    return bytes(samples.tobytes())


def captured(settings: Settings, seq: int, pcm: bytes) -> AudioCapture:
    """As a line gives it: in pieces of any length."""
    capture = AudioCapture(settings, CALL, seq)
    for at in range(0, len(pcm), 1000):
        capture.add(pcm[at : at + 1000])
    return capture


def monitored(spool: Spool) -> None:
    for side in ("in", "out"):
        (spool.monitor / f"{CALL}-{side}.wav16").write_bytes(wav(1.0))


def test_the_parts_of_a_call_are_kept_one_after_the_other_and_not_a_sample_is_changed(spool: Spool) -> None:
    first, second = heard(120, 1), heard(70, 2)
    for seq, pcm in ((10, first), (9, second)):
        captured(spool.settings, seq, pcm).close()
    monitored(spool)
    [(_, kept)] = recordings.collect(spool.settings, ())
    assert kept.ear == "9+70,10+120"
    channels, rate = read_channels(audio_capture.capture_of(spool.settings.state / kept.file))
    assert (channels, rate) == ([second + first], 16_000)
    assert list((spool.settings.state_dir.captures).iterdir()) == []


def test_a_capture_that_a_worker_still_writes_is_waited_for(spool: Spool) -> None:
    capture = captured(spool.settings, 1, heard(10, 1))
    monitored(spool)
    assert list(recordings.collect(spool.settings, ())) == [] and len(spool.left()) == 2
    capture.close()
    [(_, kept)] = recordings.collect(spool.settings, ())
    assert kept.ear == "1+10"


def test_a_call_without_a_capture_is_kept_without_one(spool: Spool) -> None:
    monitored(spool)
    [(_, kept)] = recordings.collect(spool.settings, ())
    assert kept.ear == "" and len(recordings.sounds(spool.settings, kept.file)) == 1


def test_who_refuses_leaves_nothing(spool: Spool) -> None:
    capture = captured(spool.settings, 1, heard(120, 1))
    capture.drop()
    capture.add(heard(120, 2))
    capture.close()
    recordings.refuse(spool.settings, CALL)
    assert list((spool.settings.state_dir.captures).iterdir()) == []


def test_what_another_part_left_goes_with_the_refusal(spool: Spool) -> None:
    captured(spool.settings, 1, heard(120, 1)).close()
    recordings.refuse(spool.settings, CALL)
    assert list((spool.settings.state_dir.captures).iterdir()) == []


def test_a_full_disk_ends_the_capture_and_not_the_call(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    folder = spool.settings.state_dir.captures
    folder.mkdir(parents=True)
    (folder / f"{CALL}-1.pcm").symlink_to("/dev/full")
    with caplog.at_level(logging.ERROR):
        capture = captured(spool.settings, 1, heard(500, 1))
    capture.close()
    assert [record.levelname for record in caplog.records] == ["ERROR"] and "ALARM" in caplog.text


def test_both_files_of_a_recording_are_deleted_together(spool: Spool) -> None:
    captured(spool.settings, 1, heard(10, 1)).close()
    monitored(spool)
    [(_, kept)] = recordings.collect(spool.settings, ())
    assert len(recordings.sounds(spool.settings, kept.file)) == 2
    recordings.delete(spool.settings, kept.file)
    assert list((spool.settings.state / "recordings").iterdir()) == []
