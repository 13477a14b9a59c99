"""The contract of every recogniser, run over the real engines."""

from __future__ import annotations

import asyncio
import logging
import time

import numpy as np
import pytest

from ivr.core.audio import add_noise, frames, silence, to_pcm
from ivr.speech.stt import MAX_BYTES, Transcript, Utterance
from tests.speech.engines import RecogniserCase

pytestmark = pytest.mark.slow


def listening(case: RecogniserCase, *pieces: bytes) -> Utterance:
    """An utterance to which these pieces are fed in frames."""
    utterance = case.engine.utterance([case.lang])
    for piece in pieces:
        for frame in frames(piece):
            utterance.feed(frame)
    return utterance


def noise(length_s: float, level: float = 0.1) -> bytes:
    """White noise as slin16; level: its root mean square (full scale is 1)."""
    return to_pcm(level * np.random.default_rng(7).standard_normal(round(length_s * 16000)))


def text_of(transcript: Transcript) -> str:
    return transcript.text.casefold()


async def test_it_recognises_what_was_said(case: RecogniserCase) -> None:
    transcript = await listening(case, case.first).decode()
    assert case.first_word in text_of(transcript)
    assert (transcript.lang, transcript.engine) == (case.lang, case.engine.name)
    assert 0.5 < transcript.confidence <= 1.0


async def test_the_size_of_the_pieces_makes_no_difference(case: RecogniserCase) -> None:
    framed = await listening(case, case.first).decode()
    whole = case.engine.utterance([case.lang])
    whole.feed(case.first)
    assert case.first_word in text_of(framed) and case.first_word in text_of(await whole.decode())


async def test_an_early_decode_can_be_followed_by_more_speech(case: RecogniserCase) -> None:
    utterance = listening(case, case.first)
    early = await utterance.decode()
    for frame in frames(silence(0.5) + case.second):
        utterance.feed(frame)
    late = await utterance.decode()
    assert case.first_word in text_of(early) and case.second_word not in text_of(early)
    assert case.first_word in text_of(late) and case.second_word in text_of(late)


async def test_decoding_twice_gives_the_same(case: RecogniserCase) -> None:
    utterance = listening(case, case.first)
    assert await utterance.decode() == await utterance.decode()


async def test_two_callers_at_once_are_not_mixed_up(case: RecogniserCase) -> None:
    one, other = await asyncio.gather(
        listening(case, case.first).decode(), listening(case, case.second).decode()
    )
    assert case.first_word in text_of(one) and case.second_word not in text_of(one)
    assert case.second_word in text_of(other) and case.first_word not in text_of(other)


@pytest.mark.parametrize(
    "sound",
    [b"", b"\0\0", silence(2.0), noise(0.01), noise(3.0), noise(3.0, 0.9)],
    ids=["nothing", "one sample", "silence", "click", "noise", "loud noise"],
)
async def test_no_words_are_invented_where_nobody_speaks(case: RecogniserCase, sound: bytes) -> None:
    transcript = await listening(case, sound).decode()
    assert (transcript.text, transcript.confidence) == ("", 0.0)


async def test_an_utterance_without_end_is_cut_at_30_seconds_and_says_so_once(
    case: RecogniserCase, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        utterance = listening(case, case.first, silence(24.0), case.second, case.second)
        transcript = await utterance.decode()
    assert len(case.first + silence(24.0)) < MAX_BYTES < len(case.first + silence(24.0) + 2 * case.second)
    assert case.first_word in text_of(transcript)
    assert len([record for record in caplog.records if "30 s" in record.message]) == 1


async def test_the_event_loop_runs_on_while_decoding(case: RecogniserCase) -> None:
    worst = 0.0
    decode = asyncio.ensure_future(listening(case, case.first).decode())
    while not decode.done():
        before = time.perf_counter()
        await asyncio.sleep(0.005)
        worst = max(worst, time.perf_counter() - before)
    # A generous limit for a loaded machine: a decode on the loop would block it for 0.3 s and more.
    assert case.first_word in text_of(await decode) and worst < 0.25


async def test_feeding_never_waits_for_a_decode(case: RecogniserCase) -> None:
    utterance = listening(case, case.first)
    decode = asyncio.ensure_future(utterance.decode())
    await asyncio.sleep(0)
    before = time.perf_counter()
    for frame in frames(case.second):
        utterance.feed(frame)
    assert time.perf_counter() - before < 0.1
    await decode


async def test_a_cancelled_decode_does_not_harm_the_engine(case: RecogniserCase) -> None:
    decode = asyncio.ensure_future(listening(case, case.first).decode())
    await asyncio.sleep(0.02)
    decode.cancel()
    with pytest.raises(asyncio.CancelledError):
        await decode
    assert case.second_word in text_of(await listening(case, case.second).decode())


async def test_partials_come_from_engines_that_stream(case: RecogniserCase) -> None:
    partial = await listening(case, case.first).partial()
    if "whisper" in case.engine.name:
        assert partial is None
    else:
        assert partial is not None and partial.text


async def test_confidence_falls_with_noise(case: RecogniserCase) -> None:
    clear = await listening(case, case.first).decode()
    buried = await listening(case, add_noise(case.first, 0)).decode()
    assert buried.confidence < clear.confidence
