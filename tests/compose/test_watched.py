"""``docker/common/watched.sh`` ends a server that hangs, and no other."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process

import psutil

from ivr.core.ports import free_port
from tests.conftest import ROOT

SERVER = """
import http.server, sys

class Answers(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        assert self.rfile.read(int(self.headers["Content-Length"])) == b"hello"
        self.send_error(409)

print(flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answers).serve_forever()
"""
REQUEST = r"POST /model/parse HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello"


async def watched(port: int, *command: str) -> Process:
    script = str(ROOT / "docker/common/watched.sh")
    return await asyncio.create_subprocess_exec(
        "bash",
        script,
        "1",
        "2",
        "20",
        "127.0.0.1",
        str(port),
        REQUEST,
        *command,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )


async def serving() -> tuple[Process, psutil.Process]:
    port = free_port()
    shell = await watched(port, sys.executable, "-c", SERVER, str(port))
    assert shell.stdout is not None
    await shell.stdout.readline()
    return shell, next(one for one in psutil.Process(shell.pid).children() if "-c" in one.cmdline())


async def told(shell: Process) -> str:
    assert shell.stderr is not None
    async with asyncio.timeout(20):
        return (await shell.stderr.read()).decode()


async def test_a_server_that_hangs_is_ended() -> None:
    shell, server = await serving()
    await asyncio.sleep(2.5)
    server.send_signal(signal.SIGSTOP)
    assert "has not answered for 2 s; ending it" in await told(shell)
    assert await shell.wait() == 128 + signal.SIGKILL and not server.is_running()


async def test_a_server_that_answers_is_left_alone_and_ends_with_the_container() -> None:
    shell, server = await serving()
    await asyncio.sleep(3.5)
    assert server.is_running()
    shell.send_signal(signal.SIGTERM)
    assert "ending it" not in await told(shell)
    assert await shell.wait() != 0 and not server.is_running()


async def test_the_status_of_a_server_that_ends_is_kept() -> None:
    shell = await watched(free_port(), "sh", "-c", "exit 7")
    assert await shell.wait() == 7
