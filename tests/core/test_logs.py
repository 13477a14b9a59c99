"""Log lines: for people, and for machines with the call that they belong to."""

from __future__ import annotations

import contextvars
import json
import logging

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
