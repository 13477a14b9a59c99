"""A capture by another thread holds the same bytes as one that writes by itself."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from ivr.core.disk_writer import DiskWriter
from ivr.store.audio_capture import BLOCK
from ivr.store.background_capture import BackgroundCapture
from tests.store.spool import Spool

CALL = "fake-1795.1"
SOUND = bytes(range(256)) * 400


def captured(spool: Spool) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(spool.settings.state_dir.captures.glob("*.pcm")))


@pytest.mark.parametrize("stalls", [False, True])
async def test_every_byte_arrives(tmp_path: Path, stalls: bool) -> None:
    spool, writer, goes_on = Spool(tmp_path), DiskWriter("captures", 100), threading.Event()
    if stalls:
        writer.soon(goes_on.wait)
    capture = BackgroundCapture(writer, spool.settings, CALL, 1)
    for at in range(0, len(SOUND), 1000):
        capture.add(SOUND[at : at + 1000])
    capture.close()
    capture.close()
    goes_on.set()
    await asyncio.to_thread(writer.close)
    assert captured(spool) == SOUND


async def test_one_that_is_refused_leaves_nothing(tmp_path: Path) -> None:
    spool, writer = Spool(tmp_path), DiskWriter("captures", 100)
    capture = BackgroundCapture(writer, spool.settings, CALL, 1)
    capture.add(SOUND)
    capture.drop()
    capture.add(SOUND)
    capture.close()
    await asyncio.to_thread(writer.close)
    assert captured(spool) == b"" and list(spool.settings.state_dir.captures.glob("*")) == []


async def test_a_block_without_room_ends_it(tmp_path: Path) -> None:
    """What follows would be shifted."""
    spool, writer, goes_on = Spool(tmp_path), DiskWriter("captures", 3), threading.Event()
    capture = BackgroundCapture(writer, spool.settings, CALL, 1)
    writer.soon(goes_on.wait)
    capture.add(SOUND[:BLOCK])
    capture.add(SOUND[:BLOCK])
    goes_on.set()
    capture.add(SOUND[:BLOCK])
    capture.close()
    await asyncio.to_thread(writer.close)
    assert captured(spool) == SOUND[:BLOCK]
