"""A bad network between a telephone and the service: SIP as it is, RTP with loss, delay and jitter.

``python -m tests.drills.relay SERVICE_PORT LOSS DELAY_MS JITTER_MS`` prints its own SIP port and runs until it is
ended.  It writes itself into the SDP of both sides, so that all sound passes through it.  A process of its own: what
a drill computes must not look like jitter.
"""

from __future__ import annotations

import asyncio
import random
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

Address = tuple[str, int]
HOST = "127.0.0.1"
_PORT = re.compile(rb"(?m)^m=audio (\d{5}) ")
_CALL = re.compile(rb"(?mi)^(?:Call-ID|i): *(\S+)")


@dataclass(frozen=True)
class Weather:
    """Share of packets lost; seconds every packet takes, and up to how many more."""

    loss: float
    delay_s: float
    jitter_s: float


class Port(asyncio.DatagramProtocol):
    """One UDP port; what comes in goes to ``take``."""

    def __init__(self, take: Callable[[bytes, Address], None]) -> None:
        self._take = take
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._take(data, addr)

    def send(self, data: bytes, to: Address) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.sendto(data, to)

    @property
    def number(self) -> int:
        assert self.transport is not None
        return int(self.transport.get_extra_info("sockname")[1])


async def open_port(take: Callable[[bytes, Address], None]) -> Port:
    """On any port that is free."""
    loop = asyncio.get_running_loop()
    _, port = await loop.create_datagram_endpoint(lambda: Port(take), local_addr=(HOST, 0))
    return port


class Sound:
    """The RTP of one call: a port for each side."""

    def __init__(self, weather: Weather, dice: random.Random) -> None:
        self._weather, self._dice = weather, dice
        self.at_phone: Address | None = None
        self.at_service: Address | None = None

    async def open(self) -> None:
        """Both ports."""
        self.to_phone = await open_port(lambda data, _: self._pass(data, self.to_service, self.at_service))
        self.to_service = await open_port(lambda data, _: self._pass(data, self.to_phone, self.at_phone))

    def _pass(self, data: bytes, port: Port, to: Address | None) -> None:
        if to is None or self._dice.random() < self._weather.loss:
            return
        delay = self._weather.delay_s + self._dice.random() * self._weather.jitter_s
        asyncio.get_running_loop().call_later(delay, port.send, data, to)


class Relay:
    """SIP of one telephone and one service; a ``Sound`` for each call."""

    def __init__(self, service: int, weather: Weather, seed: int = 1) -> None:
        self._service = (HOST, service)
        self._weather, self._dice = weather, random.Random(seed)
        self._phone: Address | None = None
        self._sounds: dict[bytes, Sound] = {}
        self._packets: asyncio.Queue[tuple[bytes, bool]] = asyncio.Queue(1000)

    async def run(self) -> None:
        """Until cancelled; prints its port first."""
        facing_phone = await open_port(self._from_phone)
        facing_service = await open_port(lambda data, _: self._packets.put_nowait((data, False)))
        sys.stdout.write(f"{facing_phone.number}\n")
        sys.stdout.flush()
        while True:
            data, outward = await self._packets.get()
            data = await self._through_us(data, outward=outward)
            if outward:
                facing_service.send(data, self._service)
            elif self._phone is not None:
                facing_phone.send(data, self._phone)

    def _from_phone(self, data: bytes, addr: Address) -> None:
        self._phone = addr
        self._packets.put_nowait((data, True))

    async def _through_us(self, data: bytes, *, outward: bool) -> bytes:
        """With our port for the sound in the place of the sender's."""
        told, call = _PORT.search(data), _CALL.search(data)
        if told is None or call is None:
            return data
        if call[1] not in self._sounds:
            self._sounds[call[1]] = Sound(self._weather, self._dice)
            await self._sounds[call[1]].open()
        sound, theirs = self._sounds[call[1]], (HOST, int(told[1]))
        if outward:
            sound.at_phone, ours = theirs, sound.to_service
        else:
            sound.at_service, ours = theirs, sound.to_phone
        assert len(str(ours.number)) == 5  # the length in the SIP header stays true
        return _PORT.sub(b"m=audio %d " % ours.number, data)


if __name__ == "__main__":
    to, loss, delay_ms, jitter_ms = sys.argv[1:]
    asyncio.run(Relay(int(to), Weather(float(loss), float(delay_ms) / 1000, float(jitter_ms) / 1000)).run())
