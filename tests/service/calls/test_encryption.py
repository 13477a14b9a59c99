"""A call over TLS and SRTP: it is answered like any other, and its packets reveal no speech."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ivr.core.audio import PHONE_RATE, RATE, alaw_decode, resample
from ivr.simulator.softphone import Softphone
from tests.service.calls import sounds
from tests.service.calls.caller import Caller
from tests.service.calls.running_service import HEARD, RunningService
from tests.service.calls.words import ENGLISH

pytestmark = [pytest.mark.asterisk, pytest.mark.side_by_side]

ETH_P_IP = 0x0800
ALAW = 8
"""RTP's payload type (RFC 3551)."""


class Wiretap:
    """What an eavesdropper hears who decodes the packets to one UDP port as A-law."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._voice: dict[int, bytes] = {}
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._socket.bind(("lo", ETH_P_IP))
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    @property
    def packets(self) -> int:
        """Packets with sound so far."""
        return len(self._voice)

    def close(self) -> None:
        """Listen no more."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def pcm(self) -> bytes:
        """All of it in its place, 16 kHz; what is missing is silence."""
        first, last = min(self._voice), max(self._voice)
        heard = bytearray(2 * (last - first + PHONE_RATE))
        for at, sound in self._voice.items():
            heard[2 * (at - first) : 2 * (at - first) + len(sound)] = sound
        return resample(bytes(heard), PHONE_RATE, RATE)

    def _read(self) -> None:
        packet = self._socket.recv(2048)
        udp = packet[(packet[0] & 15) * 4 :]
        if packet[9] != socket.IPPROTO_UDP or struct.unpack("!H", udp[2:4])[0] != self._port:
            return
        rtp = udp[8:]
        if len(rtp) >= 172 and rtp[0] >> 6 == 2 and rtp[1] & 127 == ALAW:
            self._voice[struct.unpack("!I", rtp[4:8])[0]] = alaw_decode(rtp[12:172])


@contextmanager
def wiretap(port: int) -> Iterator[Wiretap]:
    """Listening from here on."""
    tap = Wiretap(port)
    try:
        yield tap
    finally:
        tap.close()


async def rtp(service: RunningService, caller: Caller) -> tuple[bool, int]:
    """What Asterisk says of the call's sound: whether it is encrypted, and the caller's port."""
    call = await caller.call_id()
    secure = await service.ari.variable(call, "CHANNEL(rtp,secure,audio)")
    dest = await service.ari.variable(call, "CHANNEL(rtp,dest,audio)")
    return secure == "1", int(dest.rpartition(":")[2])


async def test_an_encrypted_call_is_answered_and_cannot_be_listened_to(service: RunningService) -> None:
    async with Softphone(service.settings, tls=True, srtp=True) as phone:
        async with service.call("en", ENGLISH.prefix, phone=phone) as caller:
            secure, port = await rtp(service, caller)
            with wiretap(port) as tap:
                await caller.press(ENGLISH.key)
                await caller.ask(ENGLISH.question)
                await caller.hears_out()
        record = await caller.record()
    answer = record.prompt(ENGLISH.intent)
    assert secure
    assert await service.answer_in(record.audio_of(answer), "en") == ENGLISH.intent
    assert await service.share(answer, record) > HEARD
    assert tap.packets > 100
    assert await sounds.share_of(record.audio_of(answer), tap.pcm()) < 0.1


async def test_a_plain_call_can_be(service: RunningService) -> None:
    """The wiretap works: the test above would fail if the sound were not encrypted."""
    async with service.call("en", ENGLISH.prefix) as caller:
        secure, port = await rtp(service, caller)
        with wiretap(port) as tap:
            since = caller.now + 0.2
            await caller.listen(4.0)
            until = caller.now - 0.2
    record = await caller.record()
    assert not secure
    assert await sounds.share_of(sounds.cut(record.heard, since, until), tap.pcm()) > 0.8
