"""Other programs that set-up runs: their lines are watched, and an error ends in one clear line."""

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
"""Last lines of output that a failed program's log keeps."""


def run(
    command: Sequence[str | Path],
    *,
    what: str,
    line: Callable[[str], None] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: Path | None = None,
) -> str:
    """Run to the end and return its last lines; raises SetupError ``what failed: <its last words>``.

    ``line`` is called with each line of output; ``env`` adds to ours; ``log`` keeps everything.
    """
    tail: deque[str] = deque(maxlen=KEPT)
    program = str(command[0])
    if not shutil.which(program):
        raise SetupError(f"{what} failed: {program} is not installed")
    # a program must not go on alone when set-up is killed
    leash = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
    with ExitStack() as stack:
        keep = stack.enter_context(log.open("w", encoding="utf-8")) if log else None
        process = stack.enter_context(
            subprocess.Popen(
                [*leash, *(str(part) for part in command)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env={**os.environ, **(env or {})},
                cwd=cwd,
            )
        )
        try:
            assert process.stdout is not None
            for text in map(str.rstrip, process.stdout):
                tail.append(text)
                if keep:
                    keep.write(text + "\n")
                if line:
                    line(text)
        except BaseException:
            process.terminate()
            raise
        code = process.wait()
    if code != 0:
        said = next((text for text in reversed(tail) if text.strip()), f"exit status {code}")
        raise SetupError(f"{what} failed: {said}" + (f" (all of it: {log})" if log else ""))
    return "\n".join(tail)
