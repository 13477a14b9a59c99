"""The decoded audio found in the recording: shifted, with inserted silence, or missing."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ivr.core.audio import FRAME_BYTES, write_wav
from ivr.core.events import Heard
from ivr.core.run_lengths import write_runs
from ivr.evaluation.replay.recording import AHEAD, CallRecording, gaps

EMPTY = bytes(FRAME_BYTES)


def noise(frames: int, seed: int = 1) -> list[bytes]:
    samples = np.random.default_rng(seed).integers(-9000, 9000, (frames, FRAME_BYTES // 2), dtype="<i2")
    return [row.tobytes() for row in samples]


def heard(decoded: Sequence[bytes], first: int, *, gaps: str = "") -> Heard:
    """Return the event of a turn whose decoded frames begin at the listener's frame ``first``."""
    pcm = b"".join(decoded)
    times = (first * 0.02, (first + len(decoded)) * 0.02)
    return Heard("words", "en", 0.9, "whisper", *times, 0.3, *times, f"{zlib.crc32(pcm):08x}", gaps)


@pytest.mark.parametrize("late", [0, 3, -7, 250])
def test_the_same_audio_is_found_where_listener_and_recording_drifted_apart(late: int) -> None:
    line = noise(900)
    found = CallRecording(line).decoded_audio(heard(line[400:450], 400 + late))
    assert found == b"".join(line[400:450])


def test_audio_is_found_between_two_frames_too() -> None:
    line = noise(100)
    half = b"".join(line)[FRAME_BYTES // 2 : -FRAME_BYTES // 2]
    decoded = [half[at : at + FRAME_BYTES] for at in range(40 * FRAME_BYTES, 60 * FRAME_BYTES, FRAME_BYTES)]
    assert CallRecording(line).decoded_audio(heard(decoded, 40)) == b"".join(decoded)


def test_inserted_silence_is_inserted_again() -> None:
    line = noise(200)
    decoded = [*line[50:60], *[EMPTY] * 3, *line[60:70], *[EMPTY] * 3, *line[70:80]]
    told = heard(
        decoded, 53, gaps=write_runs([place for place, frame in enumerate(decoded) if frame == EMPTY])
    )
    assert told.gaps == "10+3,23+3"
    assert gaps(told) == {10, 11, 12, 23, 24, 25}
    assert CallRecording(line).decoded_audio(told) == b"".join(decoded)


def test_silence_in_the_recording_is_not_inserted_twice() -> None:
    line = [*noise(60), *[EMPTY] * 3, *noise(60, seed=2)]
    assert CallRecording(line).decoded_audio(heard(line[40:80], 40, gaps="20+3")) == b"".join(line[40:80])


def test_other_audio_is_not_found() -> None:
    assert CallRecording(noise(200)).decoded_audio(heard(noise(50, seed=2), 40)) is None


def test_a_recording_is_read_as_the_frames_of_the_listener(tmp_path: Path) -> None:
    line = noise(30)
    mono = b"".join([*[EMPTY] * AHEAD, *line])
    stereo = b"".join(mono[at : at + 2] + b"\1\0" for at in range(0, len(mono), 2))
    write_wav(tmp_path / "call.wav", stereo, channels=2)
    assert CallRecording.read(tmp_path / "call.wav").frames == line


def test_a_recording_that_ends_early_is_padded_with_silence() -> None:
    sound = CallRecording(noise(10)).padded(0.5)
    assert len(sound.frames) == 25 and sound.frames[-1] == EMPTY
    assert sound.padded(0.1) is sound
