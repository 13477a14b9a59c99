"""What was heard once is not decoded again, and only what was heard under the same conditions counts."""

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


async def heard(
    memory: CachedRecogniser, lang: str = "en", hotwords: str = "", file: str = "en-museum.wav"
) -> Transcript:
    utterance = memory.utterance([lang], hotwords)
    utterance.feed(await asyncio.to_thread(read_audio, GOLDEN / file))
    return await utterance.decode()


async def test_another_run_needs_no_engine_for_what_it_knows(whisper: Whisper, tmp_path: Path) -> None:
    file = tmp_path / "folder/heard.jsonl"
    first = await heard(CachedRecogniser(whisper, file))
    assert "museum" in first.text
    closed = Whisper(ROOT / "var/models/whisper-base", ("en",), ROOT)
    await closed.close()  # an engine that cannot hear any more
    again = CachedRecogniser(closed, file)
    assert await heard(again) == first
    for other in ({"hotwords": "Eiffel"}, {"file": "en-eiffel.wav"}):
        with pytest.raises(RecogniserError):
            await heard(again, **other)


async def test_a_quick_and_a_second_listening_are_remembered_apart_from_the_first(
    whisper: Whisper, tmp_path: Path
) -> None:
    file = tmp_path / "heard.jsonl"
    noisy = await asyncio.to_thread(lambda: add_noise(read_audio(GOLDEN / "en-eiffel.wav"), 0))
    for engine in (whisper, None):
        memory = CachedRecogniser(engine or Whisper(ROOT / "var/models/whisper-base", ("en",), ROOT), file)
        utterance = memory.utterance(["en"], "")
        utterance.feed(noisy)
        found = await utterance.quick(), await utterance.decode(), await utterance.again()
        assert found[1] != found[2] and found[0] is not None
        assert len(file.read_text("utf-8").splitlines()) == 3
