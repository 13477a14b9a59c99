"""Log lines: for people, and for machines with the call that they belong to."""

from __future__ import annotations

import contextvars
import io
import json
import logging
import threading
import time

import pytest

from ivr.core import logs


def line(text: str, *args: object) -> dict[str, str]:
    record = logging.LogRecord("ivr.call", logging.WARNING, __file__, 1, text, args, None)
    found: dict[str, str] = json.loads(logs.JsonLines().format(record))
    return found


def test_a_line_is_one_object() -> None:
    found = line("%s\nand “more”", "one")
    assert (found["level"], found["logger"], found["message"]) == ("WARNING", "ivr.call", "one\nand “more”")
    assert found["time"].endswith("+00:00") and "call" not in found


def test_a_line_of_a_call_names_it() -> None:
    def serving() -> str:
        logs.CALL.set("main-1700000000.1")
        return line("begins")["call"]

    assert contextvars.copy_context().run(serving) == "main-1700000000.1"
    assert "call" not in line("after")


class StalledDisk(io.StringIO):
    """Takes what is written when it goes on again."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()

    def write(self, text: str) -> int:
        self.goes_on.wait()
        return super().write(text)


def test_lines_wait_for_a_disk_that_stalls_and_their_writers_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """With their call and their traceback; what finds no room is counted."""
    monkeypatch.setattr(logs, "LINES_WAITING", 3)
    disk, root = StalledDisk(), logging.getLogger()
    handler = logging.StreamHandler(disk)
    handler.setFormatter(logs.JsonLines())
    monkeypatch.setattr(root, "handlers", [handler])
    log = logging.getLogger("ivr.call")
    with logs.in_background():
        token = logs.CALL.set("main-1700000000.1")
        try:
            raise OSError("no answer")
        except OSError:
            log.exception("%s failed", "it")
        logs.CALL.reset(token)
        for number in range(9):
            log.warning("line %d", number)
        disk.goes_on.set()
        while "line 0" not in disk.getvalue():
            time.sleep(0.01)
        log.warning("the last")
    lines = [json.loads(text) for text in disk.getvalue().splitlines()]
    assert lines[0]["call"] == "main-1700000000.1" and "OSError: no answer" in lines[0]["exception"]
    assert lines[0]["message"] == "it failed" and "call" not in lines[1]
    assert "lines of the log are lost: its disk stalls" in lines[-2]["message"]
    assert lines[-1]["message"] == "the last" and root.handlers == [handler]
