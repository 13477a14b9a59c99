"""A recogniser in a process of its own: it hears the same, and its death is one question's trouble."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest

from ivr import apart
from ivr.apart import Apart
from ivr.errors import RecogniserError
from ivr.speech.stt import Recogniser
from tests.speech.conftest import ROOT, Ear


@asynccontextmanager
async def running() -> AsyncIterator[Apart]:
    recogniser = Apart()
    recogniser.start()
    try:
        await recogniser.ready()
        yield recogniser
    finally:
        await recogniser.close()


async def test_it_hears_what_the_engine_hears(whisper_ear: Ear, endpointing: Recogniser) -> None:
    async with running() as recogniser:
        assert (recogniser.name, recogniser.languages) == (endpointing.name, endpointing.languages)
        here, there = (one.utterance(["en"], "Eiffel Tower") for one in (endpointing, recogniser))
        for half in (whisper_ear.first[:40_000], whisper_ear.first[40_000:]):
            for utterance in (here, there):
                utterance.feed(half)
            for how in ("partial", "quick", "decode", "again"):
                assert await getattr(there, how)() == await getattr(here, how)(), how
    assert recogniser.pid == 0


async def test_two_languages_compete_there_too(whisper_ear: Ear) -> None:
    async with running() as recogniser:
        utterance = recogniser.utterance(["fr", "en"])
        utterance.feed(whisper_ear.first)
        assert (await utterance.decode()).lang == "en"


async def test_killed_while_it_decodes(whisper_ear: Ear, caplog: pytest.LogCaptureFixture) -> None:
    """Who waits is told at once; the next process hears the same utterance, of which it has had nothing."""
    async with running() as recogniser:
        utterance, killed = recogniser.utterance(["en"]), recogniser.pid
        utterance.feed(whisper_ear.first)
        decode = asyncio.create_task(utterance.decode())
        await asyncio.sleep(0.02)
        os.kill(killed, signal.SIGKILL)
        with pytest.raises(RecogniserError, match="the recogniser ended"):
            await decode
        with pytest.raises(RecogniserError, match="away, and being started again"):
            await utterance.decode()
        await recogniser.ready()
        assert recogniser.pid != killed
        assert whisper_ear.first_word in (await utterance.decode()).text.casefold()
    assert "ALARM: the recogniser ended (status -9); starting it again" in caplog.text


async def test_one_that_stands_still_is_ended(
    whisper_ear: Ear, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Before anybody asks it, too."""
    monkeypatch.setattr(apart, "PING_S", 0.2)
    async with running() as recogniser:
        utterance, frozen = recogniser.utterance(["en"]), recogniser.pid
        utterance.feed(whisper_ear.first)
        os.kill(frozen, signal.SIGSTOP)
        await asyncio.sleep(0.5)
        with pytest.raises(RecogniserError, match="the recogniser ended"):
            await utterance.decode()
        await recogniser.ready()
        assert recogniser.pid != frozen
        assert "ALARM: the recogniser has shown no sign of life for 1 s; ending it" in caplog.text
        assert whisper_ear.first_word in (await utterance.decode()).text.casefold()


async def test_a_question_that_is_given_up_holds_up_nobody(whisper_ear: Ear) -> None:
    async with running() as recogniser:
        given_up = recogniser.utterance(["en"])
        given_up.feed(whisper_ear.first * 5)
        waiting = [asyncio.create_task(given_up.again()) for _ in range(20)]
        await asyncio.sleep(0.1)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        utterance = recogniser.utterance(["en"])
        utterance.feed(whisper_ear.second)
        async with asyncio.timeout(5):  # twenty of them would take longer
            assert whisper_ear.second_word in (await utterance.quick() or pytest.fail()).text.casefold()


async def test_why_it_cannot_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_RECOGNISER", "vosk")
    recogniser = Apart()
    recogniser.start()
    with pytest.raises(RecogniserError, match="no Vosk model for fr"):
        await recogniser.ready()
    await recogniser.close()


async def test_one_that_dies_at_its_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_SIP_PORT", "five thousand")
    recogniser = Apart()
    recogniser.start()
    with pytest.raises(RecogniserError, match=r"did not start \(status 1\)"):
        await recogniser.ready()
    await recogniser.close()


WORKER = """
import asyncio
from ivr.apart import Apart

async def work():
    recogniser = Apart()
    recogniser.start()
    await recogniser.ready()
    print(recogniser.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(work())
"""


async def test_it_ends_with_its_worker() -> None:
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, stdout=PIPE, cwd=ROOT)
    assert worker.stdout is not None
    recogniser = psutil.Process(int(await worker.stdout.readline()))
    worker.kill()
    await worker.wait()
    gone, alive = await asyncio.to_thread(psutil.wait_procs, [recogniser], 5)
    assert gone and not alive
