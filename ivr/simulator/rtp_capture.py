"""Records the audio of calls from the network with tcpdump; it is read after the calls have ended.

Capturing costs one copy per packet in the kernel, which also stamps the time.  So measuring neither slows the calls
down nor reads them late.  Frames are those of the loopback: Ethernet, IPv4, UDP (RFC 768) and RTP (RFC 3550) without
extensions, in libpcap's classic file format (pcap-savefile(5)).
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
from ivr.core.processes import own_group
from ivr.setup.system import TCPDUMP

ALAW = 8
"""RTP payload type of G.711 A-law (RFC 3551)."""
READY_S = 10.0
"""Longest wait until tcpdump listens."""
FLUSH_S = 1.5
"""With little traffic the kernel hands packets to tcpdump once a second."""
MAGIC = 0xA1B2C3D4
"""First word of a capture file with times in microseconds."""
BUFFER_KB = 32_768
ETHERNET, IPV4, UDP, RTP = 14, 20, 8, 12
"""Header sizes in bytes."""
PORTS = ETHERNET + IPV4
PAYLOAD_TYPE = PORTS + UDP + 1
PAYLOAD = PORTS + UDP + RTP


@dataclass(frozen=True)
class Packet:
    """20 ms of A-law, and when it passed: seconds since 1970."""

    time: float
    alaw: bytes


@dataclass
class CapturedAudio:
    """The packets that one telephone's port sent and received, in order."""

    sent: list[Packet] = field(default_factory=list)
    received: list[Packet] = field(default_factory=list)


class Capture:
    """Captures RTP on the loopback while it is entered with ``async with``.

    file: where tcpdump writes.
    first, last: range of the telephones' UDP ports.
    Entering raises SetupError when tcpdump is missing or may not capture.
    """

    def __init__(self, file: Path, first: int, last: int) -> None:
        self._file = file
        self._filter = f"udp portrange {first}-{last}"
        self._ports = range(first, last + 1)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        program = shutil.which("tcpdump")
        if program is None:
            raise SetupError(f"tcpdump is missing: apt-get install {TCPDUMP}")
        options = ("-i", "lo", "-n", "-Z", "root", "-B", str(BUFFER_KB), "-w", str(self._file), self._filter)
        self._process = await asyncio.create_subprocess_exec(
            program, *options, stderr=asyncio.subprocess.PIPE, preexec_fn=own_group
        )
        output = await _wait_until_listening(self._process)
        if "listening on" not in output:
            raise SetupError(f"tcpdump: {output or 'it does not begin'}")
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            await asyncio.sleep(FLUSH_S)
            self._process.send_signal(signal.SIGINT)  # tcpdump writes its buffer and exits
            await self._process.communicate()

    def audio_by_port(self) -> dict[int, CapturedAudio]:
        """Read the captured A-law by the telephone's port; for use after the capture.

        Raises SetupError when the file was not written by tcpdump.
        """
        found: dict[int, CapturedAudio] = defaultdict(CapturedAudio)
        for time, frame in _frames(self._file.read_bytes(), self._file):
            if len(frame) <= PAYLOAD or frame[PAYLOAD_TYPE] & 0x7F != ALAW:
                continue  # DTMF or RTCP
            source, target = struct.unpack_from("!HH", frame, PORTS)
            packet = Packet(time, bytes(frame[PAYLOAD:]))
            if source in self._ports:
                found[source].sent.append(packet)
            if target in self._ports:
                found[target].received.append(packet)
        return found


async def _wait_until_listening(process: asyncio.subprocess.Process) -> str:
    """Wait until tcpdump listens and return its last line; kill it after ``READY_S``."""
    assert process.stderr is not None
    text = ""
    try:
        async with asyncio.timeout(READY_S):
            async for line in process.stderr:
                text = line.decode(errors="replace").strip()
                if "listening on" in text:
                    break
    except TimeoutError:
        process.kill()
    return text


def _frames(content: bytes, file: Path) -> Iterator[tuple[float, memoryview]]:
    """Each frame with its time in seconds; a frame that is cut off at the end of the file is left out."""
    if len(content) < 24 or struct.unpack_from("=I", content)[0] != MAGIC:
        raise SetupError(f"{file}: not written by tcpdump")
    view, at = memoryview(content), 24
    while at + 16 <= len(content):
        second, micro, kept, _ = struct.unpack_from("=IIII", content, at)
        at += 16
        if at + kept <= len(content):
            yield second + micro / 1e6, view[at : at + kept]
        at += kept
