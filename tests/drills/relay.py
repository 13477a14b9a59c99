"""A bad network between a telephone and the service: it forwards SIP unchanged, and RTP with loss, delay and jitter.

``python -m tests.drills.relay SERVICE_PORT LOSS DELAY_MS JITTER_MS`` prints its own SIP port and runs until it is
stopped.  It puts its ports into the SDP of both sides, so that all audio passes through it.  It runs in a process of
its own, because the drill's own work would cause jitter.
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
class NetworkConditions:
    """Share of lost packets, delay of every packet in seconds, and the largest additional delay in seconds."""

    loss: float
    delay_s: float
    jitter_s: float


class Port(asyncio.DatagramProtocol):
    """One UDP port; ``receive`` gets each packet and its sender."""

    def __init__(self, receive: Callable[[bytes, Address], None]) -> None:
        self._receive = receive
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._receive(data, addr)

    def send(self, data: bytes, to: Address) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.sendto(data, to)

    @property
    def number(self) -> int:
        assert self.transport is not None
        return int(self.transport.get_extra_info("sockname")[1])


async def open_port(receive: Callable[[bytes, Address], None]) -> Port:
    """Open any free port."""
    loop = asyncio.get_running_loop()
    _, port = await loop.create_datagram_endpoint(lambda: Port(receive), local_addr=(HOST, 0))
    return port


class RtpRelay:
    """The RTP of one call, with a port for each side."""

    def __init__(self, conditions: NetworkConditions, rng: random.Random) -> None:
        self._conditions, self._rng = conditions, rng
        self.at_phone: Address | None = None
        self.at_service: Address | None = None

    async def open(self) -> None:
        """Open both ports."""
        self.to_phone = await open_port(lambda data, _: self._pass(data, self.to_service, self.at_service))
        self.to_service = await open_port(lambda data, _: self._pass(data, self.to_phone, self.at_phone))

    def _pass(self, data: bytes, port: Port, to: Address | None) -> None:
        if to is None or self._rng.random() < self._conditions.loss:
            return
        delay = self._conditions.delay_s + self._rng.random() * self._conditions.jitter_s
        asyncio.get_running_loop().call_later(delay, port.send, data, to)


class Relay:
    """Relays the SIP of one telephone and one service, with an ``RtpRelay`` for each call."""

    def __init__(self, service: int, conditions: NetworkConditions, seed: int = 1) -> None:
        self._service = (HOST, service)
        self._conditions, self._rng = conditions, random.Random(seed)
        self._phone: Address | None = None
        self._relays: dict[bytes, RtpRelay] = {}
        self._packets: asyncio.Queue[tuple[bytes, bool]] = asyncio.Queue(1000)

    async def run(self) -> None:
        """Print the port and relay until cancelled."""
        facing_phone = await open_port(self._from_phone)
        facing_service = await open_port(lambda data, _: self._packets.put_nowait((data, False)))
        sys.stdout.write(f"{facing_phone.number}\n")
        sys.stdout.flush()
        while True:
            data, outward = await self._packets.get()
            data = await self._rewrite_sdp(data, outward=outward)
            if outward:
                facing_service.send(data, self._service)
            elif self._phone is not None:
                facing_phone.send(data, self._phone)

    def _from_phone(self, data: bytes, addr: Address) -> None:
        self._phone = addr
        self._packets.put_nowait((data, True))

    async def _rewrite_sdp(self, data: bytes, *, outward: bool) -> bytes:
        """Replace the sender's audio port by the relay's."""
        port, call = _PORT.search(data), _CALL.search(data)
        if port is None or call is None:
            return data
        if call[1] not in self._relays:
            self._relays[call[1]] = RtpRelay(self._conditions, self._rng)
            await self._relays[call[1]].open()
        relay, theirs = self._relays[call[1]], (HOST, int(port[1]))
        if outward:
            relay.at_phone, ours = theirs, relay.to_service
        else:
            relay.at_service, ours = theirs, relay.to_phone
        assert len(str(ours.number)) == 5  # keeps the Content-Length of the SIP message right
        return _PORT.sub(b"m=audio %d " % ours.number, data)


if __name__ == "__main__":
    to, loss, delay_ms, jitter_ms = sys.argv[1:]
    asyncio.run(
        Relay(int(to), NetworkConditions(float(loss), float(delay_ms) / 1000, float(jitter_ms) / 1000)).run()
    )
