"""The two peers that the same tests run against: the fake one and a real Asterisk with a real caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import numpy as np

from ivr.asterisk.ari import Ari
from ivr.asterisk.ari_link import AriLink, Arrival
from ivr.asterisk.config import ARI_USER
from ivr.asterisk.media_link import MediaLink
from ivr.asterisk.process import Asterisk
from ivr.core.audio import RATE
from ivr.core.settings import Settings
from ivr.simulator.caller import dial
from ivr.simulator.scenario import CallSpec
from ivr.simulator.sip_line import SipLine, open_line
from ivr.simulator.softphone import Softphone
from tests.fakes.asterisk import PASSWORD, USER, FakeAsterisk, FakeChannel


class Caller(Protocol):
    """A caller on a telephone."""

    async def hang_up(self) -> None: ...

    async def press(self, keys: str) -> None: ...

    async def say(self, pcm: bytes) -> None: ...

    def heard(self) -> bytes:
        """What the caller has heard since the media was connected; missing audio is silence."""


class FakePeer:
    """The fake Asterisk."""

    def __init__(self, fake: FakeAsterisk) -> None:
        self.fake, self.url = fake, fake.url

    def ari(self, app: str = "accueil-1") -> Ari:
        return Ari(self.url, USER, PASSWORD, app)

    @asynccontextmanager
    async def caller(self) -> AsyncIterator[FakeCaller]:
        caller = FakeCaller(self.fake)
        yield caller
        await caller.hang_up()


class FakeCaller:
    """A caller of the fake Asterisk."""

    def __init__(self, fake: FakeAsterisk) -> None:
        self._fake = fake
        self.channel: FakeChannel = fake.ring()

    async def hang_up(self) -> None:
        self._fake.hang_up(self.channel)

    async def press(self, keys: str) -> None:
        for key in keys:
            self._fake.press(self.channel, key)

    async def say(self, pcm: bytes) -> None:
        self._fake.say(self.channel, pcm)

    def heard(self) -> bytes:
        media = self._fake.bridged_media(self.channel)
        return b"".join(frame or bytes(640) for frame in media.played)


class RealPeer:
    """A private Asterisk, and the test caller's telephone next to it."""

    def __init__(self, settings: Settings, asterisk: Asterisk, phone: Softphone) -> None:
        self.settings, self.asterisk, self.phone = settings, asterisk, phone
        self.url = settings.ari_url

    def ari(self, app: str = "accueil-1") -> Ari:
        return Ari(self.url, ARI_USER, self.settings.secrets["ARI_PASSWORD"], app)

    @asynccontextmanager
    async def caller(self, extension: str = "accueil") -> AsyncIterator[RealCaller]:
        phone = self.phone
        id = f"call-{id_of()}"
        spec = CallSpec(f"sip:{extension}@127.0.0.1:{self.settings.sip_port}")
        with phone.link.events(id) as events:
            async with open_line(phone.ari, phone.link, id) as (line, bridge):
                dialling = asyncio.create_task(dial(phone.ari, spec, id, bridge, events))
                dialling.add_done_callback(lambda task: line.answered())
                try:
                    yield RealCaller(phone, line, dialling)
                finally:
                    dialling.cancel()
                    await asyncio.gather(dialling, return_exceptions=True)


class RealCaller:
    """A caller with a real telephone."""

    def __init__(self, phone: Softphone, line: SipLine, dialling: asyncio.Task[str]) -> None:
        self._phone, self.line, self.dialling = phone, line, dialling

    async def hang_up(self) -> None:
        await self._phone.ari.hangup(self.line.channel_id)

    async def press(self, keys: str) -> None:
        await self.line.press(keys)

    async def say(self, pcm: bytes) -> None:
        await self.line.say(pcm)

    def heard(self) -> bytes:
        return self.line.heard.pcm(self.line.now)


_serial = iter(range(1, 1_000_000))


def id_of() -> str:
    """A short name that is used once."""
    return f"t{next(_serial)}"


class Desk:
    """The service's side of a test: one worker with its event link."""

    def __init__(self, ari: Ari, link: AriLink, running: asyncio.Task[None]) -> None:
        self.ari, self.link, self.running = ari, link, running

    async def arrival(self) -> Arrival:
        """The next caller."""
        async with asyncio.timeout(5):
            return await anext(aiter(self.link.calls()))

    @asynccontextmanager
    async def media(self, arrival: Arrival) -> AsyncIterator[MediaLink]:
        """Answer the caller and bridge a media link with their channel."""
        media_id, bridge = f"media-{id_of()}", f"bridge-{id_of()}"
        with self.link.events(media_id) as events:
            await self.ari.answer(arrival.channel.id)
            made = await self.ari.external_media(media_id)
            async with await MediaLink.connect(self.ari.base, made.connection_id) as socket:
                async with asyncio.timeout(5):
                    while type(await events.get()).__name__ != "StasisStart":
                        pass
                await self.ari.create_bridge(bridge)
                await self.ari.add_channel(bridge, arrival.channel.id, media_id)
                try:
                    yield socket
                finally:
                    await self.ari.delete_bridge(bridge)


@asynccontextmanager
async def desk(peer: FakePeer | RealPeer, app: str = "accueil-1", **options: object) -> AsyncIterator[Desk]:
    """A worker under ``app``, connected."""
    async with peer.ari(app) as ari:
        link = AriLink(ari, **options)  # type: ignore[arg-type]
        running = asyncio.create_task(link.run())
        try:
            async with asyncio.timeout(10):
                await link.wait_connected()
            yield Desk(ari, link, running)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def until(condition: object, timeout_s: float = 5.0) -> None:
    """Wait until ``condition()`` holds; raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0.01)


def tone(seconds: float, hertz: int = 440) -> bytes:
    """A tone, s16le mono 16 kHz."""
    t = np.arange(round(seconds * RATE)) / RATE
    return (8000 * np.sin(2 * np.pi * hertz * t)).astype("<i2").tobytes()
