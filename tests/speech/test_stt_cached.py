"""A cached result needs no engine, and a result under other conditions is not used."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ivr.core.audio import add_noise, read_audio
from ivr.core.errors import RecogniserError
from ivr.speech.stt import Transcript
from ivr.speech.stt_cached import CachedRecogniser
from ivr.speech.whisper.recogniser import Whisper
from tests.speech.engines import GOLDEN, ROOT


async def recognise(
    recogniser: CachedRecogniser, lang: str = "en", hotwords: str = "", file: str = "en-museum.wav"
) -> Transcript:
    utterance = recogniser.utterance([lang], hotwords)
    utterance.feed(await asyncio.to_thread(read_audio, GOLDEN / file))
    return await utterance.decode()


async def test_a_second_run_needs_no_engine_for_cached_results(whisper: Whisper, tmp_path: Path) -> None:
    file = tmp_path / "folder/heard.jsonl"
    first = await recognise(CachedRecogniser(whisper, file))
    assert "museum" in first.text
    closed = Whisper(ROOT / "var/models/whisper-base", ("en",), ROOT)
    await closed.close()  # this engine can no longer decode
    again = CachedRecogniser(closed, file)
    assert await recognise(again) == first
    for other in ({"hotwords": "Eiffel"}, {"file": "en-eiffel.wav"}):
        with pytest.raises(RecogniserError):
            await recognise(again, **other)


async def test_each_method_has_its_own_entry(whisper: Whisper, tmp_path: Path) -> None:
    file = tmp_path / "heard.jsonl"
    noisy = await asyncio.to_thread(lambda: add_noise(read_audio(GOLDEN / "en-eiffel.wav"), 0))
    for engine in (whisper, None):
        recogniser = CachedRecogniser(
            engine or Whisper(ROOT / "var/models/whisper-base", ("en",), ROOT), file
        )
        utterance = recogniser.utterance(["en"], "")
        utterance.feed(noisy)
        quick, decoded, denoised = await utterance.quick(), await utterance.decode(), await utterance.again()
        assert decoded != denoised and quick is not None
        assert len(file.read_text("utf-8").splitlines()) == 3
