"""Real receivers of notifications: a mail server and a web server that can be slow, refuse or break."""

from __future__ import annotations

import asyncio
import contextlib
import email
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from socket import SOCK_STREAM
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any, Literal

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.conftest import free_ports

Misbehaviour = Literal["drop", "hang", "drip", "endless"]
Reply = Literal["take", "later", "never", "drop"]


@dataclass
class Postbox:
    """A mail server; ``replies`` are its reactions to the next mails, after which it accepts all."""

    replies: list[Reply] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    to: list[str] = field(default_factory=list)
    tries: int = 0
    port: int = 0
    logins: list[tuple[str, str]] = field(default_factory=list)
    password: str = "right"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Handle one mail (aiosmtpd's hook)."""
        self.tries += 1
        reply = self.replies.pop(0) if self.replies else "take"
        if reply == "later":
            return "451 4.3.0 try again later"
        if reply == "never":
            return "554 5.7.1 not wanted here"
        if reply == "drop":
            assert server.transport is not None
            server.transport.abort()
            return "421 gone"
        content = envelope.original_content
        assert content is not None
        mail = email.message_from_bytes(content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.to += envelope.rcpt_tos
        return "250 taken"

    def login(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """Record a login and accept only one password."""
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == self.password.encode(), handled=False)


@contextlib.contextmanager
def postbox(*replies: Reply, tls: Path | None = None) -> Iterator[Postbox]:
    """Run a mail server on a free port; with ``tls`` (a folder with cert.pem and key.pem) it wants TLS and login."""
    box = Postbox(list(replies))
    options: dict[str, Any] = {}
    if tls is not None:
        context = SSLContext(PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
        options = {
            "tls_context": context,
            "require_starttls": True,
            "auth_required": True,
            "authenticator": box.login,
        }
    (box.port,) = free_ports(SOCK_STREAM, 1)
    controller = Controller(box, hostname="127.0.0.1", port=box.port, **options)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def certificate(folder: Path) -> Path:
    """Create a self-signed certificate for localhost."""
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@dataclass
class Posted:
    """One request to the web server."""

    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        """The JSON of the body."""
        return json.loads(self.body)


@dataclass
class Hook:
    """A web server; ``replies`` are statuses, or how it misbehaves.

    ``drop`` ends the connection, ``hang`` never answers, ``drip`` sends a byte of the head now and then, ``endless``
    answers without end.  ``sent``: bytes of the endless answer.
    """

    replies: list[int | Misbehaviour] = field(default_factory=list)
    posted: list[Posted] = field(default_factory=list)
    url: str = ""
    sent: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one request per connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        self.posted.append(Posted(headers, await reader.readexactly(int(headers["content-length"]))))
        reply = self.replies.pop(0) if self.replies else 200
        if reply == "hang":
            await self.released.wait()
        elif reply in ("drip", "endless"):
            with contextlib.suppress(OSError):
                await self._misbehave(reply, writer)
        elif reply != "drop":
            where = b"Location: /elsewhere\r\n" if reply == 302 else b""
            writer.write(
                b"HTTP/1.1 %d Said\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n" % (reply, where)
            )
            await writer.drain()
        writer.close()

    async def _misbehave(self, how: int | Misbehaviour, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 Said\r\nTransfer-Encoding: chunked\r\n")
        while not self.released.is_set():
            head = b"" if self.sent else b"\r\n"
            writer.write(b"X" if how == "drip" else head + b"4000\r\n%b\r\n" % bytes(0x4000))
            self.sent += 0 if how == "drip" else 0x4000
            await writer.drain()
            await asyncio.sleep(0.05 if how == "drip" else 0)


@contextlib.asynccontextmanager
async def hook(*replies: int | Misbehaviour) -> AsyncIterator[Hook]:
    """Run a web server on a free port."""
    served = Hook(list(replies))
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/accueil"
    try:
        yield served
    finally:
        served.released.set()
        server.close()
        await server.wait_closed()
