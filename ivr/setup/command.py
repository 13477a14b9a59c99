"""Runs other programs for set-up, follows their output, and turns a failure into one clear line."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from ivr.core.errors import SetupError

KEPT = 40
"""Last lines of output that are kept for the error message."""


def run(
    command: Sequence[str | Path],
    *,
    what: str,
    line: Callable[[str], None] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: Path | None = None,
) -> str:
    """Run a program to its end and return the last lines of its output.

    command: program and arguments.
    what: name of the action in the error message.
    line: called with each line of output.
    env: variables to add to this process's environment.
    cwd: working directory.
    log: file that receives all output.
    Raises SetupError ``<what> failed: <last line>`` when the program is missing or fails.
    """
    program = str(command[0])
    if not shutil.which(program):
        raise SetupError(f"{what} failed: {program} is not installed")
    tail: deque[str] = deque(maxlen=KEPT)
    with ExitStack() as stack:
        log_file = stack.enter_context(log.open("w", encoding="utf-8")) if log else None
        process = stack.enter_context(_start(command, env or {}, cwd))
        try:
            assert process.stdout is not None
            for text in map(str.rstrip, process.stdout):
                tail.append(text)
                if log_file:
                    log_file.write(text + "\n")
                if line:
                    line(text)
        except BaseException:
            process.terminate()
            raise
        code = process.wait()
    if code != 0:
        last = next((text for text in reversed(tail) if text.strip()), f"exit status {code}")
        raise SetupError(f"{what} failed: {last}" + (f" (all of it: {log})" if log else ""))
    return "\n".join(tail)


def _start(command: Sequence[str | Path], env: Mapping[str, str], cwd: Path | None) -> subprocess.Popen[str]:
    # the program must end when set-up is killed
    prefix = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
    return subprocess.Popen(
        [*prefix, *(str(part) for part in command)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, **env},
        cwd=cwd,
    )
