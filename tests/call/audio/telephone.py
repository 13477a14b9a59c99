"""A connected caller: leg and player against the fake Asterisk, sockets included, in virtual time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import numpy as np

from ivr.asterisk.ari import Ari
from ivr.asterisk.ari_link import AriLink
from ivr.call.audio.leg import CallLeg
from ivr.call.audio.player import Playback, Player
from ivr.core.audio import FRAME_BYTES, to_samples
from tests.fakes.asterisk import PASSWORD, USER, FakeAsterisk, FakeChannel
from tests.fakes.media import FakeMedia

FRAME_S = 0.02


def counted(seconds: float, first: int = 1) -> bytes:
    """A prompt whose frames carry a running number, so that every one of them can be found again."""
    frames = np.arange(first, first + round(seconds / FRAME_S))
    return bytes(np.repeat(frames, FRAME_BYTES // 2).astype("<i2").tobytes())


def numbers(first: int, last: int) -> list[int]:
    """The numbers of ``counted`` frames."""
    return list(range(first, last + 1))


class Telephone:
    """The caller and what they hear; leg and player; the tasks of a call."""

    def __init__(self, fake: FakeAsterisk, caller: FakeChannel, ari: Ari, link: AriLink) -> None:
        self.fake, self.caller, self.ari = fake, caller, ari
        self.leg = CallLeg(ari, link, caller.id)
        self.player = Player(self.leg)
        self.tasks: list[asyncio.Task[None]] = []

    def run(self, part: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a task for the rest of the call."""
        self.tasks.append(asyncio.create_task(part))
        return self.tasks[-1]

    @property
    def media(self) -> FakeMedia:
        """The current media channel in Asterisk."""
        return self.fake.bridged_media(self.caller)

    def heard(self) -> list[int]:
        """The numbers of the frames that reached the caller, silence left out."""
        channels = {id(media): media for media in self.fake.media.values()}.values()
        played = itertools.chain.from_iterable(media.played for media in channels)
        return [number for frame in played if frame and (number := int(to_samples(frame)[0]))]

    def members(self) -> set[str]:
        """The channels in the bridge."""
        [members] = self.fake.bridges.values()
        return set(members)

    async def reaches(self, count: int) -> None:
        """Wait until so many frames have reached the caller."""
        await until(lambda: len(self.heard()) >= count)

    async def play(self, *parts: bytes) -> list[Playback]:
        """Play a prompt as a call does."""
        self.player.begin()
        return await self.player.play(*(_given(part) for part in parts))

    def cut_media(self) -> None:
        """Break the media socket."""
        socket = self.media.socket
        assert socket is not None
        socket.reset()


async def _given(pcm: bytes) -> bytes:
    return pcm


@asynccontextmanager
async def telephone() -> AsyncIterator[Telephone]:
    """Connect a caller with media."""
    async with FakeAsterisk() as fake, Ari(fake.url, USER, PASSWORD, "accueil-1") as ari:
        link = AriLink(ari)
        running = asyncio.create_task(link.run())
        await link.wait_connected()
        caller = fake.ring()
        arrival = await anext(aiter(link.calls()))
        phone = Telephone(fake, caller, ari, link)
        await phone.leg.open()
        await ari.answer(caller.id)
        phone.run(phone.leg.pump())
        phone.run(phone.leg.fill())
        phone.run(phone.player.tick())
        try:
            yield phone
        finally:
            arrival.events.close()
            await phone.leg.close()
            for task in (*phone.tasks, running):
                task.cancel()
            await asyncio.gather(*phone.tasks, running, return_exceptions=True)


async def until(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Wait until ``condition()`` holds, checked once a frame; TimeoutError after ``timeout_s`` seconds."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  # what a caller hears tells nobody
            await asyncio.sleep(FRAME_S)
