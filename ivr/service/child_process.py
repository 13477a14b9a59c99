"""A process of ours beside the calls: kept up, and never a reason for the line to go down."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType

from ivr.core.paths import PACKAGE
from ivr.core.processes import RestartBackoff, cancelled, ending, own_group, pid_of, wait_or_kill
from ivr.core.settings import Settings, given

log = logging.getLogger(__name__)

RESTART_MAX_S = 30.0
END_S = 8.0
LIBRARIES = {"OPENBLAS_NUM_THREADS": "1"}
"""numpy's own threads only wait, and by spinning: decodes and calls lie side by side already."""


class ChildProcess:
    """``python -m MODULE`` with ``settings``; ``name`` is its log file and what the log calls it."""

    def __init__(self, settings: Settings, module: str, name: str, longest_s: float = RESTART_MAX_S) -> None:
        self.settings = settings
        self._module, self._name, self._longest_s = module, name, longest_s
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Process id; 0 while there is none."""
        return pid_of(self._process)

    def start(self, listener: socket.socket | None = None) -> None:
        """Returns at once: nobody waits for it to be ready.  ``listener``: its first argument, by number; who gets
        one is told by the end of its standard input when we are gone."""
        self._keeper = asyncio.create_task(self._keep(listener), name=self._name)

    def kill(self) -> None:
        """Where it stands still: it is started again."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def stop(self) -> None:
        """End it; killed when it does not end by itself in time.  Safe to call twice."""
        if self._keeper is not None:
            await cancelled(self._keeper)
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        await wait_or_kill(process, END_S)

    async def restart(self, settings: Settings) -> None:
        """Again, with other settings."""
        await self.stop()
        self.settings = settings
        self.start()

    async def _keep(self, listener: socket.socket | None) -> None:
        restarts = RestartBackoff(self._longest_s)
        while True:
            restarts.begins()
            try:
                self._process = await begin(self.settings, self._module, self._name, listener=listener)
                status = ending(await self._process.wait())
            except OSError as error:  # no memory, no disk: the line must go on
                status = str(error)
            log.error("ALARM: the %s ended (%s); starting it again", self._name, status)
            await restarts.pause()


async def begin(
    settings: Settings,
    module: str,
    name: str,
    *arguments: str,
    listener: socket.socket | None = None,
    more: Mapping[str, str] = MappingProxyType({}),
) -> Process:
    """``python -m MODULE ARGUMENTS`` in a process group of its own, which writes to the log of that name.

    ``more``: what else its environment holds.  Raises OSError.
    """
    logs = settings.state / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    fds = () if listener is None else (listener.fileno(),)
    with (logs / f"{name}.log").open("ab") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *arguments, *map(str, fds), pass_fds=fds, stdin=PIPE if fds else DEVNULL,
            stdout=output, stderr=output, env={**environment(settings), **more}, preexec_fn=own_group,
        )  # fmt: skip


def environment(settings: Settings) -> dict[str, str]:
    """The environment that makes a child process load the same settings."""
    names = [spec.name for spec in fields(Settings) if spec.name != "secrets"]
    ours = {f"IVR_{name.upper()}": str(getattr(settings, name)) for name in names}
    inherited = dict(os.environ)
    for name in [name for name in ours if f"{name}_FILE" in inherited]:
        if ours[name] == given(os.environ, name):
            del ours[name]  # the child reads it where we did: a password stays out of environments
        else:
            del inherited[f"{name}_FILE"]
    package = str(PACKAGE.parent)
    return {**LIBRARIES, **inherited, **ours, "PYTHONPATH": package}
