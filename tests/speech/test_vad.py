"""Voice activity detection on speech, silence and noise."""

import asyncio

import numpy as np
import pytest

from ivr.core.audio import add_noise, frames, read_audio, seconds, silence, through_g711, to_pcm
from ivr.speech.loudness import trim
from ivr.speech.vad import BatchedVad, Vad, has_speech
from tests.speech.engines import GOLDEN

QUESTION = trim(read_audio(GOLDEN / "en-eiffel.wav"))


def activity(pcm: bytes) -> list[bool]:
    """For each frame of 20 ms, whether it counts as speech."""
    vad = Vad()
    return [vad.probability(frame) >= 0.5 for frame in frames(pcm)]


def test_it_finds_where_the_question_begins_and_ends() -> None:
    found = activity(silence(1.0) + QUESTION + silence(1.0))
    first, last = found.index(True) * 0.02, (len(found) - found[::-1].index(True)) * 0.02
    assert 1.0 <= first <= 1.25
    assert seconds(QUESTION) - 0.3 <= last - 1.0 <= seconds(QUESTION) + 0.4


def test_silence_and_noise_are_not_speech() -> None:
    hiss = to_pcm(0.1 * np.random.default_rng(1).standard_normal(48000))
    assert not has_speech(silence(2.0)) and not has_speech(hiss) and not has_speech(b"")


def test_speech_after_a_long_silence_is_detected_as_soon() -> None:
    """The model rests during silence: its state would drift otherwise, and it would detect speech later."""
    words = trim(read_audio(GOLDEN / "en-museum.wav"))
    soon, late = (activity(silence(quiet_s) + words)[round(quiet_s / 0.02) :] for quiet_s in (0.4, 20.0))
    assert late.index(True) <= soon.index(True)
    assert sum(one != other for one, other in zip(late, soon, strict=True)) <= 5


def test_it_rests_in_silence_only() -> None:
    vad = Vad()
    rested = []
    for frame in frames(silence(1.0) + QUESTION + silence(1.0) + to_pcm(np.full(8000, 0.002))):
        vad.probability(frame)
        rested.append(vad.resting)
    assert rested[40] and not rested[20]
    words = round((1.0 + seconds(QUESTION)) / 0.02)
    assert not any(rested[52:words]) and rested[words + 45] and not any(rested[words + 52 :])


def test_speech_is_found_in_noise_over_the_phone() -> None:
    assert has_speech(through_g711(add_noise(QUESTION, 15)))


def test_the_size_of_the_pieces_makes_no_difference() -> None:
    whole, split = Vad(), Vad()
    for frame in frames(QUESTION):
        whole.probability(frame)
        for start in range(0, len(frame), 128):
            latest = split.probability(frame[start : start + 128])
    assert latest == whole.probability(b"")


async def test_a_batch_gives_each_caller_the_same_results_in_order() -> None:
    """The third caller is late and sends seven frames at once."""
    batch, results = BatchedVad(), {caller: [] for caller in range(3)}  # type: dict[int, list[float]]
    callers = [batch.caller() for _ in results]
    for place, frame in enumerate(frames(QUESTION)):
        for caller, stream in enumerate(callers):
            if caller < 2 or place % 7 == 6:
                for part in [frame] if caller < 2 else list(frames(QUESTION))[place - 6 : place + 1]:
                    stream.look(part, results[caller].append)
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.05)
    alone = Vad()
    expected = [alone.probability(frame) for frame in frames(QUESTION)]
    for found in results.values():
        assert len(found) > len(expected) - 7
        assert found == pytest.approx(expected[: len(found)], abs=1e-4)


async def test_loud_sounds_count_as_speech_while_the_model_fails() -> None:
    batch, callers = BatchedVad(), [Vad(), Vad()]
    results: list[float] = []
    for vad in callers:
        vad.state = vad.state[:, :, :64]  # the model refuses this shape
    for frame in frames(silence(0.5) + QUESTION):
        for vad in callers:
            batch.submit(vad, frame, results.append)
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.05)
    assert len(results) == 2 * len(list(frames(silence(0.5) + QUESTION)))
    assert set(results[:40]) == {0.0} and results.count(1.0) > len(results) / 3
