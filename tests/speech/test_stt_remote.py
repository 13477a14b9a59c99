"""A recogniser in a process of its own: it hears the same, its death is one question's trouble, and it outlives
whoever asks it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ivr.console.api import health
from ivr.core import settings as config
from ivr.core.errors import RecogniserError
from ivr.core.settings import Settings
from ivr.service import recogniser_process
from ivr.service.child_process import environment
from ivr.service.recogniser_process import RecogniserProcess
from ivr.speech import stt_remote
from ivr.speech.stt import Recogniser
from ivr.speech.stt_remote import RemoteRecogniser
from ivr.store.database import Store
from tests.speech.engines import ROOT, Ear


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(config.load(), instance=str(tmp_path))  # an absolute one: nothing is left in ours


@asynccontextmanager
async def kept(settings: Settings) -> AsyncIterator[RecogniserProcess]:
    its = RecogniserProcess(settings)
    its.start()
    try:
        yield its
    finally:
        await its.stop()


@asynccontextmanager
async def asked(its: RecogniserProcess) -> AsyncIterator[RemoteRecogniser]:
    recogniser = RemoteRecogniser(its.path)
    recogniser.start()
    try:
        await recogniser.ready()
        yield recogniser
    finally:
        await recogniser.close()


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[tuple[RecogniserProcess, RemoteRecogniser]]:
    async with kept(settings) as its, asked(its) as recogniser:
        yield its, recogniser


async def gone(process: psutil.Process) -> bool:
    """Within five seconds."""
    ended, alive = await asyncio.to_thread(psutil.wait_procs, [process], 5)
    return bool(ended) and not alive


async def test_it_hears_what_the_engine_hears(
    settings: Settings, whisper_ear: Ear, endpointing: Recogniser
) -> None:
    async with running(settings) as (its, recogniser):
        assert (recogniser.name, recogniser.languages) == (endpointing.name, endpointing.languages)
        here, there = (one.utterance(["en"], "Eiffel Tower") for one in (endpointing, recogniser))
        for half in (whisper_ear.first[:40_000], whisper_ear.first[40_000:]):
            for utterance in (here, there):
                utterance.feed(half)
            for how in ("partial", "quick", "decode", "again"):
                assert await getattr(there, how)() == await getattr(here, how)(), how
    assert its.pid == 0 and not its.path.exists()


async def test_two_languages_compete_there_too(settings: Settings, whisper_ear: Ear) -> None:
    async with running(settings) as (_, recogniser):
        utterance = recogniser.utterance(["fr", "en"])
        utterance.feed(whisper_ear.first)
        assert (await utterance.decode()).lang == "en"


async def test_killed_while_it_decodes(
    settings: Settings, whisper_ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    """Who waits is told at once; the next process hears the same utterance, of which it has had nothing."""
    async with running(settings) as (its, recogniser):
        utterance, killed = recogniser.utterance(["en"]), its.pid
        utterance.feed(whisper_ear.first)
        decode = asyncio.create_task(utterance.decode())
        await asyncio.sleep(0.02)
        os.kill(killed, signal.SIGKILL)
        with pytest.raises(RecogniserError, match="the recogniser ended"):
            await decode
        with pytest.raises(RecogniserError, match="unavailable and being restarted"):
            await utterance.decode()
        await recogniser.ready()
        assert its.pid != killed
        assert whisper_ear.first_word in (await utterance.decode()).text.casefold()
    assert "ALARM: the recogniser ended (signal SIGKILL); starting it again" in caplog.text


async def test_one_that_stands_still_is_ended(
    settings: Settings, whisper_ear: Ear, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Before anybody asks it, too."""
    monkeypatch.setattr(recogniser_process, "PING_S", 0.2)
    async with running(settings) as (its, recogniser):
        utterance, frozen = recogniser.utterance(["en"]), its.pid
        utterance.feed(whisper_ear.first)
        os.kill(frozen, signal.SIGSTOP)
        await asyncio.sleep(0.5)
        with pytest.raises(RecogniserError, match="the recogniser ended"):
            await utterance.decode()
        await recogniser.ready()
        assert its.pid != frozen
        assert "ALARM: the recogniser has shown no sign of life for 1 s; ending it" in caplog.text
        assert whisper_ear.first_word in (await utterance.decode()).text.casefold()


async def test_a_question_that_is_given_up_holds_up_nobody(settings: Settings, whisper_ear: Ear) -> None:
    async with running(settings) as (_, recogniser):
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


async def test_what_is_not_urgent_waits_until_nobody_is_asked_about(
    settings: Settings, whisper_ear: Ear
) -> None:
    async with running(settings) as (_, recogniser):
        await recogniser.quiet()
        utterance = recogniser.utterance(["en"])
        utterance.feed(whisper_ear.first)
        ended: list[str] = []
        parts = {"heard": utterance.decode(), "quiet": recogniser.quiet()}
        tasks = [asyncio.create_task(part, name=name) for name, part in parts.items()]
        for task in tasks:
            task.add_done_callback(lambda done: ended.append(done.get_name()))
        await asyncio.gather(*tasks)
        assert ended == ["heard", "quiet"]


async def test_the_next_worker_is_heard_at_once(settings: Settings, whisper_ear: Ear) -> None:
    """What the one before it wanted to know is dropped, and the process is the same."""
    async with kept(settings) as its:
        async with asked(its) as lost:
            utterance, pid = lost.utterance(["en"]), its.pid
            utterance.feed(whisper_ear.first * 5)
            waiting = [asyncio.create_task(utterance.again()) for _ in range(20)]
            await asyncio.sleep(0.1)
        for task in waiting:
            with pytest.raises(RecogniserError, match="the recogniser ended"):
                await task
        async with asyncio.timeout(5), asked(its) as recogniser:
            utterance = recogniser.utterance(["en"])
            utterance.feed(whisper_ear.second)
            assert whisper_ear.second_word in (await utterance.quick() or pytest.fail()).text.casefold()
        assert its.pid == pid


async def test_the_console_sees_whether_it_is_there(settings: Settings) -> None:
    store = Store(settings.database)

    async def seen() -> str:
        return (await health.check_parts(settings, store))["recogniser"]

    assert await seen() == "does not answer"
    async with running(settings) as (its, _):
        assert await seen() == "ok"
        os.kill(its.pid, signal.SIGSTOP)
        assert await seen() == "does not answer"
    assert await seen() == "does not answer" and not settings.recogniser_socket.is_symlink()
    store.close()


async def test_the_console_asks_the_newest(settings: Settings) -> None:
    older, newer = RecogniserProcess(settings), RecogniserProcess(settings)
    older.start()
    newer.start()
    await older.stop()
    assert settings.recogniser_socket.readlink() == newer.path
    await newer.stop()


@pytest.mark.parametrize(
    "line", [b"hello\n", b'{"answer": 1}\n', b"[1]\n", b'"x"\n', b'{"name": 1, "bytes": "y"}\n']
)
async def test_who_talks_something_else_is_left_alone(
    settings: Settings, whisper_ear: Ear, tmp_path: Path, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """On either side; the next one is asked, and others are heard."""
    talked = asyncio.Event()

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(line)
        await reader.read()
        await stt_remote.close_writer(writer)
        talked.set()

    path = tmp_path / "babbler"
    babbler = await asyncio.start_unix_server(babble, path)
    recogniser = RemoteRecogniser(path)
    recogniser.start()
    async with asyncio.timeout(5):
        await talked.wait()
    babbler.close()
    path.unlink()
    async with kept(settings) as its:
        path.symlink_to(its.path)
        await recogniser.ready()
        reader, writer = await asyncio.open_unix_connection(its.path)
        writer.write(line)
        await reader.readline()  # its name
        assert await reader.read() == b"", "it was not left alone"
        await stt_remote.close_writer(writer)
        utterance = recogniser.utterance(["en"])
        utterance.feed(whisper_ear.second)
        assert whisper_ear.second_word in (await utterance.quick() or pytest.fail()).text.casefold()
        await recogniser.close()
    assert "invalid message" in caplog.text


async def test_why_it_cannot_start_is_told(settings: Settings) -> None:
    async with kept(replace(settings, recogniser="vosk")) as its:
        recogniser = RemoteRecogniser(its.path)
        recogniser.start()
        with pytest.raises(RecogniserError, match="no Vosk model for fr"):
            await recogniser.ready()
        await recogniser.close()


async def test_one_that_dies_at_its_start_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By its keeper, and to who waits for it when that has been long enough."""
    monkeypatch.setattr(stt_remote, "READY_S", 4.0)
    async with kept(replace(settings, sip_port="five thousand")) as its:  # type: ignore[arg-type]
        recogniser = RemoteRecogniser(its.path)
        recogniser.start()
        with pytest.raises(RecogniserError, match=r"did not start in 4 s"):
            await recogniser.ready()
        await recogniser.close()
    assert "ALARM: the recogniser ended (status 1); starting it again" in caplog.text


SUPERVISOR = """
import asyncio
from ivr.core import settings
from ivr.speech.stt_remote import RemoteRecogniser
from ivr.service.recogniser_process import RecogniserProcess

async def work():
    its = RecogniserProcess(settings.load())
    its.start()
    print(its.path, flush=True)
    recogniser = RemoteRecogniser(its.path)
    recogniser.start()
    await recogniser.ready()
    print(its.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(work())
"""


@pytest.mark.parametrize("asking", [True, False])
async def test_it_ends_with_its_keeper(settings: Settings, whisper_ear: Ear, asking: bool) -> None:
    """But not before the worker that asks it: its callers have not noticed."""
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SUPERVISOR, stdin=DEVNULL, stdout=PIPE, cwd=ROOT, env=environment(settings)
    )
    assert supervisor.stdout is not None
    path = Path((await supervisor.stdout.readline()).decode().strip())
    process = psutil.Process(int(await supervisor.stdout.readline()))
    try:
        recogniser = RemoteRecogniser(path)
        if asking:
            recogniser.start()
            await recogniser.ready()
        supervisor.kill()
        await supervisor.wait()
        if asking:
            await asyncio.sleep(0.5)
            utterance = recogniser.utterance(["en"])
            utterance.feed(whisper_ear.second)
            assert whisper_ear.second_word in (await utterance.quick() or pytest.fail()).text.casefold()
            await recogniser.close()
        assert await gone(process)
    finally:
        await asyncio.to_thread(shutil.rmtree, path.parent, ignore_errors=True)
