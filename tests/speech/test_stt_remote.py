"""A recogniser in its own process: same results, a crash costs one question, and it outlives its clients."""

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
from ivr.service import child_process
from ivr.service.child_process import environment
from ivr.service.socket_process import SocketProcess
from ivr.speech import stt_remote
from ivr.speech.stt import Recogniser
from ivr.speech.stt_remote import RemoteRecogniser
from ivr.store.database import Store
from tests.speech.engines import ROOT, RecogniserCase

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(config.load(), instance=str(tmp_path))  # absolute: nothing is left in the checkout


@asynccontextmanager
async def supervised(settings: Settings) -> AsyncIterator[SocketProcess]:
    process = SocketProcess.recogniser(settings)
    process.start()
    try:
        yield process
    finally:
        await process.stop()


@asynccontextmanager
async def connected(process: SocketProcess) -> AsyncIterator[RemoteRecogniser]:
    recogniser = RemoteRecogniser(process.path)
    recogniser.start()
    try:
        await recogniser.ready()
        yield recogniser
    finally:
        await recogniser.close()


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[tuple[SocketProcess, RemoteRecogniser]]:
    async with supervised(settings) as process, connected(process) as recogniser:
        yield process, recogniser


async def gone(process: psutil.Process) -> bool:
    """Whether the process ends within five seconds."""
    ended, alive = await asyncio.to_thread(psutil.wait_procs, [process], 5)
    return bool(ended) and not alive


async def test_results_are_those_of_the_engine(
    settings: Settings, whisper_case: RecogniserCase, endpointing: Recogniser
) -> None:
    async with running(settings) as (process, recogniser):
        assert (recogniser.name, recogniser.languages) == (endpointing.name, endpointing.languages)
        here, there = (engine.utterance(["en"], "Eiffel Tower") for engine in (endpointing, recogniser))
        for half in (whisper_case.first[:40_000], whisper_case.first[40_000:]):
            for utterance in (here, there):
                utterance.feed(half)
            for method in ("partial", "quick", "decode", "again"):
                assert await getattr(there, method)() == await getattr(here, method)(), method
    assert process.pid == 0 and not process.path.exists()


async def test_two_languages_compete_there_too(settings: Settings, whisper_case: RecogniserCase) -> None:
    async with running(settings) as (_, recogniser):
        utterance = recogniser.utterance(["fr", "en"])
        utterance.feed(whisper_case.first)
        assert (await utterance.decode()).lang == "en"


async def test_a_process_killed_while_it_decodes_is_replaced(
    settings: Settings, whisper_case: RecogniserCase, caplog: pytest.LogCaptureFixture
) -> None:
    """The pending request fails at once.  The next process receives the whole utterance again."""
    async with running(settings) as (process, recogniser):
        utterance, killed = recogniser.utterance(["en"]), process.pid
        utterance.feed(whisper_case.first)
        decode = asyncio.create_task(utterance.decode())
        await asyncio.sleep(0.02)
        os.kill(killed, signal.SIGKILL)
        with pytest.raises(RecogniserError, match="the recogniser ended"):
            await decode
        with pytest.raises(RecogniserError, match="unavailable and being restarted"):
            await utterance.decode()
        await recogniser.ready()
        assert process.pid != killed
        assert whisper_case.first_word in (await utterance.decode()).text.casefold()
    assert "ALARM: the recogniser ended (signal SIGKILL); starting it again" in caplog.text


async def test_a_stuck_process_is_killed(
    settings: Settings,
    whisper_case: RecogniserCase,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also while no request is pending."""
    monkeypatch.setitem(child_process.SILENT_S, child_process.RECOGNISER, 2)
    async with running(settings) as (process, recogniser):
        utterance, frozen = recogniser.utterance(["en"]), process.pid
        utterance.feed(whisper_case.first)
        os.kill(frozen, signal.SIGSTOP)
        await asyncio.sleep(0.5)
        with pytest.raises(RecogniserError, match="the recogniser ended"):
            await utterance.decode()
        await recogniser.ready()
        assert process.pid != frozen
        assert "ALARM: the recogniser has shown no sign of life for 2 s; ending it" in caplog.text
        assert whisper_case.first_word in (await utterance.decode()).text.casefold()


async def test_cancelled_requests_do_not_delay_others(
    settings: Settings, whisper_case: RecogniserCase
) -> None:
    async with running(settings) as (_, recogniser):
        cancelled = recogniser.utterance(["en"])
        cancelled.feed(whisper_case.first * 5)
        waiting = [asyncio.create_task(cancelled.again()) for _ in range(20)]
        await asyncio.sleep(0.1)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        utterance = recogniser.utterance(["en"])
        utterance.feed(whisper_case.second)
        async with asyncio.timeout(5):  # twenty decodes take longer
            assert whisper_case.second_word in (await utterance.quick() or pytest.fail()).text.casefold()


async def test_quiet_waits_for_pending_requests(settings: Settings, whisper_case: RecogniserCase) -> None:
    async with running(settings) as (_, recogniser):
        await recogniser.quiet()
        utterance = recogniser.utterance(["en"])
        utterance.feed(whisper_case.first)
        ended: list[str] = []
        parts = {"decoded": utterance.decode(), "quiet": recogniser.quiet()}
        tasks = [asyncio.create_task(part, name=name) for name, part in parts.items()]
        for task in tasks:
            task.add_done_callback(lambda done: ended.append(done.get_name()))
        await asyncio.gather(*tasks)
        assert ended == ["decoded", "quiet"]


async def test_the_next_worker_is_answered_at_once(settings: Settings, whisper_case: RecogniserCase) -> None:
    """The process drops the requests of the worker before it, and goes on."""
    async with supervised(settings) as process:
        async with connected(process) as lost:
            utterance, pid = lost.utterance(["en"]), process.pid
            utterance.feed(whisper_case.first * 5)
            waiting = [asyncio.create_task(utterance.again()) for _ in range(20)]
            await asyncio.sleep(0.1)
        for task in waiting:
            with pytest.raises(RecogniserError, match="the recogniser ended"):
                await task
        async with asyncio.timeout(5), connected(process) as recogniser:
            utterance = recogniser.utterance(["en"])
            utterance.feed(whisper_case.second)
            assert whisper_case.second_word in (await utterance.quick() or pytest.fail()).text.casefold()
        assert process.pid == pid


async def test_the_console_shows_whether_it_answers(settings: Settings) -> None:
    store = Store(settings.database)

    async def seen() -> str:
        return (await health.check_parts(settings, store))["recogniser"]

    assert await seen() == "does not answer"
    async with running(settings) as (process, _):
        assert await seen() == "ok"
        os.kill(process.pid, signal.SIGSTOP)
        assert await seen() == "does not answer"
    assert await seen() == "does not answer" and not settings.recogniser_socket.is_symlink()
    store.close()


async def test_the_console_asks_the_newest_process(settings: Settings) -> None:
    older, newer = SocketProcess.recogniser(settings), SocketProcess.recogniser(settings)
    older.start()
    newer.start()
    await older.stop()
    assert settings.recogniser_socket.readlink() == newer.path
    await newer.stop()


@pytest.mark.parametrize(
    "line", [b"hello\n", b'{"answer": 1}\n', b"[1]\n", b'"x"\n', b'{"name": 1, "bytes": "y"}\n']
)
async def test_an_invalid_message_ends_the_connection(
    settings: Settings,
    whisper_case: RecogniserCase,
    tmp_path: Path,
    line: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """On both sides.  The client then uses the next server, and the server answers other clients."""
    ended = asyncio.Event()

    async def send_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(line)
        await reader.read()
        await stt_remote.close_writer(writer)
        ended.set()

    path = tmp_path / "server"
    server = await asyncio.start_unix_server(send_line, path)
    recogniser = RemoteRecogniser(path)
    recogniser.start()
    async with asyncio.timeout(5):
        await ended.wait()
    server.close()
    path.unlink()
    async with supervised(settings) as process:
        path.symlink_to(process.path)
        await recogniser.ready()
        reader, writer = await asyncio.open_unix_connection(process.path)
        writer.write(line)
        await reader.readline()  # its name
        assert await reader.read() == b"", "the connection was not closed"
        await stt_remote.close_writer(writer)
        utterance = recogniser.utterance(["en"])
        utterance.feed(whisper_case.second)
        assert whisper_case.second_word in (await utterance.quick() or pytest.fail()).text.casefold()
        await recogniser.close()
    assert "invalid message" in caplog.text


async def test_the_reason_of_a_failed_start_is_raised(settings: Settings) -> None:
    async with supervised(replace(settings, recogniser="vosk")) as process:
        recogniser = RemoteRecogniser(process.path)
        recogniser.start()
        with pytest.raises(RecogniserError, match="no Vosk model for fr"):
            await recogniser.ready()
        await recogniser.close()


async def test_a_process_that_dies_at_its_start_is_reported(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The supervisor logs it, and ``ready`` raises after its time limit."""
    monkeypatch.setattr(stt_remote, "READY_S", 4.0)
    async with supervised(replace(settings, sip_port="five thousand")) as process:  # type: ignore[arg-type]
        recogniser = RemoteRecogniser(process.path)
        recogniser.start()
        with pytest.raises(RecogniserError, match=r"did not start in 4 s"):
            await recogniser.ready()
        await recogniser.close()
    assert "ALARM: the recogniser ended (status 1); starting it again" in caplog.text


SUPERVISOR = """
import asyncio
from ivr.core import settings
from ivr.speech.stt_remote import RemoteRecogniser
from ivr.service.socket_process import SocketProcess

async def work():
    process = SocketProcess.recogniser(settings.load())
    process.start()
    print(process.path, flush=True)
    recogniser = RemoteRecogniser(process.path)
    recogniser.start()
    await recogniser.ready()
    print(process.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(work())
"""


@pytest.mark.parametrize("connected_worker", [True, False])
async def test_it_ends_with_its_supervisor(
    settings: Settings, whisper_case: RecogniserCase, connected_worker: bool
) -> None:
    """But not before the worker that uses it, whose calls continue."""
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SUPERVISOR, stdin=DEVNULL, stdout=PIPE, cwd=ROOT, env=environment(settings)
    )
    assert supervisor.stdout is not None
    path = Path((await supervisor.stdout.readline()).decode().strip())
    process = psutil.Process(int(await supervisor.stdout.readline()))
    try:
        recogniser = RemoteRecogniser(path)
        if connected_worker:
            recogniser.start()
            await recogniser.ready()
        supervisor.kill()
        await supervisor.wait()
        if connected_worker:
            await asyncio.sleep(0.5)
            utterance = recogniser.utterance(["en"])
            utterance.feed(whisper_case.second)
            assert whisper_case.second_word in (await utterance.quick() or pytest.fail()).text.casefold()
            await recogniser.close()
        assert await gone(process)
    finally:
        await asyncio.to_thread(shutil.rmtree, path.parent, ignore_errors=True)
