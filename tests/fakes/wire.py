"""A small HTTP and websocket server on one port, as Asterisk's is: sockets here, meaning in
``asterisk.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

from websockets.frames import CloseCode, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol


@dataclass
class Asked:
    """One HTTP request; ``values`` are query and JSON body together."""

    method: str
    target: str
    path: list[str]
    authorization: str
    values: dict[str, object]


QUIET = logging.getLogger("fake")
QUIET.setLevel(logging.INFO)  # what the peer sees is no leak of ours
Answer = tuple[int, object]


@dataclass(eq=False)
class Socket:
    """One websocket of the server's side."""

    protocol: ServerProtocol
    writer: asyncio.StreamWriter
    got: asyncio.Queue[bytes | str | None] = field(default_factory=asyncio.Queue)

    def send(self, message: bytes | str) -> None:
        """Send now; a closed socket swallows it."""
        if self.protocol.state is not State.OPEN:
            return
        if isinstance(message, str):
            self.protocol.send_text(message.encode())
        else:
            self.protocol.send_binary(message)
        self.write()

    def close(self, code: int = CloseCode.NORMAL_CLOSURE) -> None:
        if self.protocol.state is State.OPEN:
            self.protocol.send_close(code)
            self.write()

    def reset(self) -> None:
        """End it as a crash would: no close frame."""
        self.writer.transport.abort()

    def write(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                self.writer.write(data)
            elif self.writer.can_write_eof():
                self.writer.write_eof()


class Wire:
    """Listens on a free port; ``on_request`` answers, ``on_socket`` owns a websocket until it returns."""

    def __init__(
        self,
        on_request: Callable[[Asked], Awaitable[Answer | None]],
        on_socket: Callable[[str, Asked, Socket], Coroutine[object, object, None]],
        refuse: Callable[[Asked], int | None],
    ) -> None:
        self._on_request, self._on_socket, self._refuse = on_request, on_socket, refuse
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.silent = False
        """Whether websockets take what arrives and answer nothing, no ping either."""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._serve(reader, writer)
        self._tasks.discard(task)
        writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            asked, headers = _parse(head)
            if headers.get("upgrade", "").lower() == "websocket":
                await self._upgrade(asked, head, reader, writer)
                return
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            if body:
                asked.values.update(json.loads(body))
            answer = await self._on_request(asked)
            if answer is None:
                await asyncio.sleep(3600)  # a server that never answers
                return
            writer.write(_response(*answer))

    async def _upgrade(
        self, asked: Asked, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        names = ["ari", "media"]
        protocol = ServerProtocol(subprotocols=names, max_size=None, logger=QUIET)  # type: ignore[arg-type]
        protocol.receive_data(head)
        request = next(event for event in protocol.events_received() if isinstance(event, Request))
        status = self._refuse(asked)
        accepted = protocol.accept(request) if status is None else protocol.reject(HTTPStatus(status), "no\n")
        protocol.send_response(accepted)
        socket = Socket(protocol, writer)
        socket.write()
        if status is not None:
            return
        owner = asyncio.create_task(self._on_socket(asked.path[0], asked, socket))
        try:
            await self._pump(socket, reader)
        finally:
            socket.got.put_nowait(None)
            await asyncio.gather(owner, return_exceptions=True)

    async def _pump(self, socket: Socket, reader: asyncio.StreamReader) -> None:
        parts: list[bytes] = []
        kind = Opcode.BINARY
        while data := await reader.read(65536):
            if self.silent:
                continue
            socket.protocol.receive_data(data)
            for frame in socket.protocol.events_received():
                opcode = getattr(frame, "opcode", None)
                if opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                    continue
                kind = kind if opcode is Opcode.CONT else opcode
                parts.append(bytes(frame.data))  # type: ignore[union-attr]
                if frame.fin:  # type: ignore[union-attr]
                    whole = b"".join(parts)
                    parts.clear()
                    socket.got.put_nowait(whole.decode() if kind is Opcode.TEXT else whole)
            socket.write()
            if socket.protocol.close_expected():
                return


def _parse(head: bytes) -> tuple[Asked, dict[str, str]]:
    first, *lines = head.decode().rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    url = urlsplit(target)
    path = [unquote(part) for part in url.path.strip("/").split("/")]
    return Asked(method, target, path, headers.get("authorization", ""), dict(parse_qsl(url.query))), headers


def _response(status: int, body: object) -> bytes:
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data
