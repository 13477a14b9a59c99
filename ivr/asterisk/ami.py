"""Asterisk's manager interface, as far as we use it: an action and its answer, or the list that it begins.

A thin client of our own: the one maintained library for asyncio (panoramisk) brings an event dispatcher and a
reconnecting protocol for what is here one question on one connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from ivr.core.errors import AmiError

TIMEOUT_S = 5.0
Fields = dict[str, str]


class Ami:
    """``async with Ami(port, user, password) as ami: await ami.action("Ping")``; not for several tasks at once."""

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
        """Do it; returns the answer, raises AmiError when it is refused."""
        async with self._timeout(name):
            return await self._ask(name, fields)

    async def listing(self, name: str, **fields: str) -> list[Fields]:
        """The events of an action that lists something."""
        found: list[Fields] = []
        async with self._timeout(name):
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

    def _timeout(self, name: str) -> _Trouble:
        return _Trouble(name)


class _Trouble:
    """Whatever goes wrong on the socket is an AmiError."""

    def __init__(self, name: str) -> None:
        self._name, self._timeout = name, asyncio.timeout(TIMEOUT_S)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise AmiError(f"{self._name}: no answer from Asterisk in time") from None
        if isinstance(error, OSError | asyncio.IncompleteReadError):
            raise AmiError(f"{self._name}: Asterisk closed the connection") from None
