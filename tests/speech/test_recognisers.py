"""One contract for every recogniser, run over the true engines."""

from __future__ import annotations

import asyncio
import logging
import time

import numpy as np
import pytest

from ivr.core.audio import add_noise, frames, silence, to_pcm
from ivr.speech.stt import MAX_BYTES, Transcript, Utterance
from tests.speech.engines import Ear


def listening(ear: Ear, *pieces: bytes) -> Utterance:
    """An utterance with these pieces fed in frames."""
    utterance = ear.engine.utterance([ear.lang])
    for piece in pieces:
        for frame in frames(piece):
            utterance.feed(frame)
    return utterance


def noise(length_s: float, level: float = 0.1) -> bytes:
    """White noise."""
    return to_pcm(level * np.random.default_rng(7).standard_normal(round(length_s * 16000)))


def heard(transcript: Transcript) -> str:
    return transcript.text.casefold()


async def test_hears_what_was_said(ear: Ear) -> None:
    transcript = await listening(ear, ear.first).decode()
    assert ear.first_word in heard(transcript)
    assert (transcript.lang, transcript.engine) == (ear.lang, ear.engine.name)
    assert 0.5 < transcript.confidence <= 1.0


async def test_the_size_of_the_pieces_makes_no_difference(ear: Ear) -> None:
    framed = await listening(ear, ear.first).decode()
    whole = ear.engine.utterance([ear.lang])
    whole.feed(ear.first)
    assert ear.first_word in heard(framed) and ear.first_word in heard(await whole.decode())


async def test_an_early_decode_can_be_followed_by_more_speech(ear: Ear) -> None:
    utterance = listening(ear, ear.first)
    early = await utterance.decode()
    for frame in frames(silence(0.5) + ear.second):
        utterance.feed(frame)
    late = await utterance.decode()
    assert ear.first_word in heard(early) and ear.second_word not in heard(early)
    assert ear.first_word in heard(late) and ear.second_word in heard(late)


async def test_decoding_twice_gives_the_same(ear: Ear) -> None:
    utterance = listening(ear, ear.first)
    assert await utterance.decode() == await utterance.decode()


async def test_two_callers_at_once_are_not_mixed_up(ear: Ear) -> None:
    one, other = await asyncio.gather(listening(ear, ear.first).decode(), listening(ear, ear.second).decode())
    assert ear.first_word in heard(one) and ear.second_word not in heard(one)
    assert ear.second_word in heard(other) and ear.first_word not in heard(other)


@pytest.mark.parametrize(
    "sound",
    [b"", b"\0\0", silence(2.0), noise(0.01), noise(3.0), noise(3.0, 0.9)],
    ids=["nothing", "one sample", "silence", "click", "noise", "loud noise"],
)
async def test_no_words_are_invented_where_nobody_speaks(ear: Ear, sound: bytes) -> None:
    transcript = await listening(ear, sound).decode()
    assert (transcript.text, transcript.confidence) == ("", 0.0)


async def test_an_utterance_without_end_is_cut_at_30_seconds_and_says_so_once(
    ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        utterance = listening(ear, ear.first, silence(24.0), ear.second, ear.second)
        transcript = await utterance.decode()
    assert len(ear.first + silence(24.0)) < MAX_BYTES < len(ear.first + silence(24.0) + 2 * ear.second)
    assert ear.first_word in heard(transcript)
    assert len([record for record in caplog.records if "30 s" in record.message]) == 1


async def test_the_event_loop_runs_on_while_decoding(ear: Ear) -> None:
    worst = 0.0
    decode = asyncio.ensure_future(listening(ear, ear.first).decode())
    while not decode.done():
        before = time.perf_counter()
        await asyncio.sleep(0.005)
        worst = max(worst, time.perf_counter() - before)
    # Generous, for a loaded machine; a decode on the loop would hold it for all its time, 0.3 s and more.
    assert ear.first_word in heard(await decode) and worst < 0.25


async def test_feeding_never_waits_for_a_decode(ear: Ear) -> None:
    utterance = listening(ear, ear.first)
    decode = asyncio.ensure_future(utterance.decode())
    await asyncio.sleep(0)
    before = time.perf_counter()
    for frame in frames(ear.second):
        utterance.feed(frame)
    assert time.perf_counter() - before < 0.1
    await decode


async def test_a_decode_that_is_given_up_leaves_the_engine_well(ear: Ear) -> None:
    decode = asyncio.ensure_future(listening(ear, ear.first).decode())
    await asyncio.sleep(0.02)
    decode.cancel()
    with pytest.raises(asyncio.CancelledError):
        await decode
    assert ear.second_word in heard(await listening(ear, ear.second).decode())


async def test_partials_come_from_engines_that_stream(ear: Ear) -> None:
    partial = await listening(ear, ear.first).partial()
    if ear.engine.name == "whisper":
        assert partial is None
    else:
        assert partial is not None and partial.text


async def test_confidence_falls_with_noise(ear: Ear) -> None:
    clear = await listening(ear, ear.first).decode()
    buried = await listening(ear, add_noise(ear.first, 0)).decode()
    assert buried.confidence < clear.confidence
