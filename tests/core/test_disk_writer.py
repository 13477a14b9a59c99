"""A disk that stalls holds up nobody on the loop; nothing is lost or out of order until too much waits."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ivr.core.disk_writer import DiskWriter


class StalledDisk:
    """Takes one write after the other, while it does not stall."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.written: list[int] = []

    def write(self, number: int) -> int:
        self.goes_on.wait()
        self.written.append(number)
        return number

    def fail(self) -> None:
        self.goes_on.wait()
        raise OSError("I/O error")


async def test_what_is_handed_over_during_a_stall_is_written_in_order_afterwards() -> None:
    disk, writer = StalledDisk(), DiskWriter("events", 1000)
    assert all(writer.soon(lambda number=number: disk.write(number)) for number in range(100))
    assert disk.written == []
    disk.goes_on.set()
    assert await writer.do(lambda: disk.write(100), within_s=10.0) == 100
    assert disk.written == list(range(101))
    writer.close()


async def test_who_can_go_on_without_the_disk_waits_a_moment_only() -> None:
    disk, writer = StalledDisk(), DiskWriter("events", 1000)
    with pytest.raises(TimeoutError):
        await writer.do(lambda: disk.write(1), within_s=0.05)
    disk.goes_on.set()
    await writer.do(lambda: disk.write(2), within_s=10.0)
    assert disk.written == [1, 2]
    writer.close()


async def test_what_finds_no_room_is_refused_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    disk, writer = StalledDisk(), DiskWriter("events", 3)
    taken = [writer.soon(lambda number=number: disk.write(number)) for number in range(6)]
    with pytest.raises(OSError, match="buffer space"):
        await writer.do(lambda: disk.write(9))
    disk.goes_on.set()
    await asyncio.to_thread(writer.close)
    await asyncio.sleep(0)
    assert taken == [True] * 3 + [False] * 3 and disk.written == [0, 1, 2]
    assert caplog.text.count("from here on events are lost") == 1
    assert "the disk takes again what is written" in caplog.text


async def test_a_failure_is_raised_in_time_and_logged_later(caplog: pytest.LogCaptureFixture) -> None:
    disk, writer = StalledDisk(), DiskWriter("events", 10)
    with pytest.raises(TimeoutError):
        await writer.do(disk.fail, within_s=0.05)
    disk.goes_on.set()
    with pytest.raises(OSError, match="I/O error"):
        await writer.do(disk.fail, within_s=10.0)
    assert caplog.text.count("ALARM: something was not written: OSError: I/O error") == 1
    await asyncio.to_thread(writer.close)
