"""A wrong wall clock for one process; the machine's own clock stays right.  Needs a C compiler."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

from ivr.core.errors import SetupError

SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    """The library to preload and the file with the clock's error, both in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._library, self._file = folder / "clock.so", folder / "clock"

    def make(self) -> dict[str, str]:
        """Build the library, set no error, and return the environment variables of the process."""
        compiler = shutil.which("cc")
        if compiler is None:
            raise SetupError("this drill needs a C compiler: apt-get install gcc libc6-dev")
        self._library.parent.mkdir(parents=True, exist_ok=True)
        command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(self._library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True)
        self._file.write_bytes(struct.pack("<q", 0))
        return {"LD_PRELOAD": str(self._library), "DRILL_CLOCK": str(self._file)}

    def set(self, seconds: int) -> None:
        """Set the clock's error in seconds."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("<q", seconds))
