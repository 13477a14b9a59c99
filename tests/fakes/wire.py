"""A small HTTP and websocket server on one port; ``asterisk.py`` and ``rasa.py`` give the requests their meaning."""

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
from websockets.http11 import Request as Handshake
from websockets.protocol import State
from websockets.server import ServerProtocol


@dataclass
class Request:
    """One HTTP request; ``values`` holds the query and the JSON body."""

    method: str
    target: str
    path: list[str]
    authorization: str
    values: dict[str, object]


QUIET = logging.getLogger("fake")
QUIET.setLevel(logging.INFO)  # the peer may log what it receives; only our own logs are checked
Answer = tuple[int, object]


@dataclass(eq=False)
class Socket:
    """The server's side of a websocket; ``got`` is the queue of received messages, None at the end."""

    protocol: ServerProtocol
    writer: asyncio.StreamWriter
    got: asyncio.Queue[bytes | str | None] = field(default_factory=asyncio.Queue)

    def send(self, message: bytes | str) -> None:
        """Send now; a closed socket ignores the message."""
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
        """End the connection without a close frame, as a crash would."""
        self.writer.transport.abort()

    def write(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                self.writer.write(data)
            elif self.writer.can_write_eof():
                self.writer.write_eof()


class Wire:
    """Listens on a free port.

    on_request: returns status and body, or None to never answer.
    on_socket: owns a websocket until it returns; its first argument is the first part of the path.
    refuse: returns a status that refuses a websocket, or None.
    """

    def __init__(
        self,
        on_request: Callable[[Request], Awaitable[Answer | None]],
        on_socket: Callable[[str, Request, Socket], Coroutine[object, object, None]],
        refuse: Callable[[Request], int | None],
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
            request, headers = _parse(head)
            if headers.get("upgrade", "").lower() == "websocket":
                await self._upgrade(request, head, reader, writer)
                return
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            if body:
                request.values.update(json.loads(body))
            answer = await self._on_request(request)
            if answer is None:
                await asyncio.sleep(3600)  # a server that never answers
                return
            writer.write(_response(*answer))

    async def _upgrade(
        self, request: Request, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        names = ["ari", "media"]
        protocol = ServerProtocol(subprotocols=names, max_size=None, logger=QUIET)  # type: ignore[arg-type]
        protocol.receive_data(head)
        handshake = next(event for event in protocol.events_received() if isinstance(event, Handshake))
        status = self._refuse(request)
        accepted = (
            protocol.accept(handshake) if status is None else protocol.reject(HTTPStatus(status), "no\n")
        )
        protocol.send_response(accepted)
        socket = Socket(protocol, writer)
        socket.write()
        if status is not None:
            return
        owner = asyncio.create_task(self._on_socket(request.path[0], request, socket))
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


def _parse(head: bytes) -> tuple[Request, dict[str, str]]:
    first, *lines = head.decode().rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    url = urlsplit(target)
    path = [unquote(part) for part in url.path.strip("/").split("/")]
    return Request(
        method, target, path, headers.get("authorization", ""), dict(parse_qsl(url.query))
    ), headers


def _response(status: int, body: object) -> bytes:
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data
