"""The sound of calls as it passes on the network, kept by tcpdump and read when the calls are over.

A packet costs the machine a copy in the kernel, and its time is the kernel's: what is measured is not slowed by the
measuring, nor is it late itself.  Frames are those of a loopback: Ethernet, IPv4, UDP (RFC 768), RTP (RFC 3550)
without extensions, in a file of libpcap's classic format (pcap-savefile(5)).
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ivr.core.errors import SetupError
from ivr.setup.system import PACKAGE

ALAW = 8
"""RTP's payload type of G.711 A-law (RFC 3551)."""
READY_S = 10.0
HANDED_OVER_S = 1.5
"""The kernel hands packets over once a second, if there are few."""
MAGIC = 0xA1B2C3D4
"""Of a file with times in microseconds."""
BUFFER_KB = 32_768
ETHERNET, IPV4, UDP, RTP = 14, 20, 8, 12
"""Bytes of the headers."""
PORTS = ETHERNET + IPV4
PAYLOAD_TYPE = PORTS + UDP + 1
SOUND = PORTS + UDP + RTP


@dataclass(frozen=True)
class Packet:
    """20 ms of A-law and when it passed, in seconds of the clock (``time.time()``)."""

    time: float
    alaw: bytes


@dataclass
class CapturedAudio:
    """What went out from a telephone's port and what came in, in order."""

    sent: list[Packet] = field(default_factory=list)
    received: list[Packet] = field(default_factory=list)


class Capture:
    """``async with Capture(file, first, last)``: RTP from and to these UDP ports of the loopback.

    ``sounds()`` is for afterwards.  Raises SetupError where tcpdump is missing or may not listen.
    """

    def __init__(self, file: Path, first: int, last: int) -> None:
        self._file = file
        self._filter = f"udp portrange {first}-{last}"
        self._ports = range(first, last + 1)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        program = shutil.which("tcpdump")
        if program is None:
            raise SetupError(f"tcpdump is missing: apt-get install {PACKAGE}")
        command = ("-i", "lo", "-n", "-Z", "root", "-B", str(BUFFER_KB), "-w", str(self._file), self._filter)
        self._process = await asyncio.create_subprocess_exec(
            program, *command, stderr=asyncio.subprocess.PIPE, start_new_session=True
        )
        said = await self._until_listening(self._process)
        if "listening on" not in said:
            raise SetupError(f"tcpdump: {said or 'it does not begin'}")
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            await asyncio.sleep(HANDED_OVER_S)
            self._process.send_signal(signal.SIGINT)  # it writes down what it still holds
            await self._process.communicate()

    def sounds(self) -> dict[int, CapturedAudio]:
        """By the telephone's port, all A-law that passed.  Raises SetupError for a file that is none of tcpdump's."""
        found: dict[int, CapturedAudio] = defaultdict(CapturedAudio)
        for time, frame in _frames(self._file.read_bytes(), self._file):
            if len(frame) <= SOUND or frame[PAYLOAD_TYPE] & 0x7F != ALAW:
                continue  # a key, or RTCP
            source, target = struct.unpack_from("!HH", frame, PORTS)
            packet = Packet(time, bytes(frame[SOUND:]))
            if source in self._ports:
                found[source].sent.append(packet)
            if target in self._ports:
                found[target].received.append(packet)
        return found

    async def _until_listening(self, process: asyncio.subprocess.Process) -> str:
        """What tcpdump says until it listens, or its last line."""
        assert process.stderr is not None
        said = ""
        try:
            async with asyncio.timeout(READY_S):
                async for line in process.stderr:
                    said = line.decode(errors="replace").strip()
                    if "listening on" in said:
                        break
        except TimeoutError:
            process.kill()
        return said


def _frames(content: bytes, file: Path) -> Iterator[tuple[float, memoryview]]:
    """Each frame with its time; one that was cut at the file's end is left out."""
    if len(content) < 24 or struct.unpack_from("=I", content)[0] != MAGIC:
        raise SetupError(f"{file}: not written by tcpdump")
    view, at = memoryview(content), 24
    while at + 16 <= len(content):
        second, micro, kept, _ = struct.unpack_from("=IIII", content, at)
        at += 16
        if at + kept <= len(content):
            yield second + micro / 1e6, view[at : at + kept]
        at += kept
