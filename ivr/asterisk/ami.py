"""A client for Asterisk's manager interface (AMI): an action and its answer, or the list of events that it begins.

The one maintained library for asyncio, panoramisk, brings an event dispatcher and a reconnecting protocol.  Neither
is needed here: each connection is used for a few actions, one after another.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from ivr.core.errors import AmiError

TIMEOUT_S = 5.0
"""Seconds that connecting, or an action with its whole answer, may take."""
Fields = dict[str, str]
"""The lines of a message: key -> value."""


class Ami:
    """``async with Ami(port, user, password) as ami: await ami.action("Ping")``; for one task at a time.

    port, host: where Asterisk listens (``manager.conf``).
    user, password: the account of ``manager.conf``.

    Entering raises AmiError when Asterisk does not answer or refuses the login.
    """

    def __init__(self, port: int, user: str, password: str, host: str = "127.0.0.1") -> None:
        self._address, self._user, self._password = (host, port), user, password
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                self._reader, self._writer = await asyncio.open_connection(*self._address)
                await self._reader.readline()  # "Asterisk Call Manager/..."
        except (OSError, TimeoutError) as error:
            raise AmiError(
                f"Asterisk's manager interface does not answer ({error}): is `ivr run` up?"
            ) from None
        try:
            await self.action("Login", Username=self._user, Secret=self._password, Events="off")
        except AmiError:
            self._writer.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    async def action(self, name: str, **fields: str) -> Fields:
        """Send an action and return its answer.

        name: such as ``QueuePause``; ``fields`` are its further lines.

        Raises AmiError when it is refused, when no answer comes in time, or when a value holds a line break.
        """
        async with _answer_to(name):
            return await self._ask(name, fields)

    async def listing(self, name: str, **fields: str) -> list[Fields]:
        """Send an action that lists something, such as ``QueueStatus``, and return the events of the list.

        The arguments and errors are those of ``action``.
        """
        found: list[Fields] = []
        async with _answer_to(name):
            await self._ask(name, fields)
            while (event := await self._message()).get("EventList") != "Complete":
                found.append(event)
        return found

    async def _ask(self, name: str, fields: Mapping[str, str]) -> Fields:
        if self._writer is None:
            raise AmiError("not connected")
        lines = [f"{key}: {value}" for key, value in {"Action": name, **fields}.items()]
        if any("\r" in line or "\n" in line for line in lines):
            raise AmiError(f"{name}: a value with a line break")
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await self._writer.drain()
        answer = await self._message()
        while "Response" not in answer:
            answer = await self._message()
        if answer["Response"] not in ("Success", "Goodbye"):
            raise AmiError(f"{name}: {answer.get('Message', 'refused')}")
        return answer

    async def _message(self) -> Fields:
        assert self._reader is not None
        raw = await self._reader.readuntil(b"\r\n\r\n")
        pairs = (line.partition(": ") for line in raw.decode(errors="replace").split("\r\n") if line)
        return {key.rstrip(":"): value for key, _, value in pairs}


@asynccontextmanager
async def _answer_to(action: str) -> AsyncIterator[None]:
    """Limit the time for an answer, and raise AmiError for what goes wrong on the socket."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            yield
    except TimeoutError:
        raise AmiError(f"{action}: no answer from Asterisk in time") from None
    except (OSError, asyncio.IncompleteReadError):
        raise AmiError(f"{action}: Asterisk closed the connection") from None
