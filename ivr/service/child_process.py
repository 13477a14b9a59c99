"""Python processes that the service starts beside itself, and the environment that gives them its settings."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType

from ivr.core.heartbeat import VARIABLE, Heartbeat
from ivr.core.paths import PACKAGE
from ivr.core.processes import RestartBackoff, own_group
from ivr.core.settings import Settings, given
from ivr.core.supervised_process import Liveness, SupervisedProcess

WORKER = "ivr.service.worker"
RECOGNISER = "ivr.service.recogniser"
CLASSIFIER = "ivr.service.classifier"
COLLECTOR = "ivr.service.collector"
CONSOLE = "ivr.console"
"""Modules that run as processes.  They are names, since importing them here would load what only they need."""
RESTART_MAX_S = 30.0
"""Longest pause in seconds before a process is started again."""
END_S = 8.0
"""Seconds that a process has to end by itself."""
SILENT_S = {WORKER: 9, RECOGNISER: 5, CLASSIFIER: 9}
"""Seconds without a sign of life after which a process counts as hung and is killed."""
SILENT_OTHERS_S = 59
"""The same for a process that no caller waits for."""
LOADING_S = 150
"""The same for a process that is starting: a worker waits up to 130 s for the others of its group."""
LIBRARIES = {"OPENBLAS_NUM_THREADS": "1"}
"""Decodes and calls run in parallel already; the threads of numpy would only wait, and spin while they do."""


class ChildProcess(SupervisedProcess):
    """``python -m MODULE``, started again when it ends.

    settings: what the process loads as its settings.
    module: the module it runs.
    name: name of its log file, and what log lines call it.
    listener: a listening socket, whose file descriptor is the first argument.  The process then gets a pipe as its
    standard input, which ends when this process ends.
    longest_s: longest pause in seconds before it is started again.
    """

    def __init__(
        self,
        settings: Settings,
        module: str,
        name: str,
        listener: socket.socket | None = None,
        longest_s: float = RESTART_MAX_S,
    ) -> None:
        self.settings = settings
        heartbeat = Heartbeat()

        async def start() -> Process:
            return await begin(self.settings, module, name, heartbeat, listener=listener)

        super().__init__(
            f"the {name}",
            start,
            RestartBackoff(longest_s),
            stop_s=END_S,
            liveness=liveness(module, heartbeat),
        )

    async def restart(self, settings: Settings) -> None:
        """Stop it and start it with other settings."""
        await self.stop()
        self.settings = settings
        self.supervise()


def liveness(module: str, heartbeat: Heartbeat) -> Liveness:
    """When a process of ``module``, started with ``heartbeat``, counts as hung."""
    return Liveness(heartbeat.seen, SILENT_S.get(module, SILENT_OTHERS_S), LOADING_S)


async def begin(
    settings: Settings,
    module: str,
    name: str,
    heartbeat: Heartbeat,
    *arguments: str,
    listener: socket.socket | None = None,
    more: Mapping[str, str] = MappingProxyType({}),
) -> Process:
    """Start ``python -m MODULE ARGUMENTS`` in a process group of its own; it writes to the log ``name``.

    heartbeat: takes its signs of life.
    listener: see ``ChildProcess``.
    more: further variables of its environment.

    Raises OSError.
    """
    logs = settings.state_dir.logs
    logs.mkdir(parents=True, exist_ok=True)
    fds = () if listener is None else (listener.fileno(),)
    with settings.state_dir.log(name).open("ab") as output, heartbeat.given() as pipe:
        variables = {**environment(settings), VARIABLE: str(pipe), **more}
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *arguments, *map(str, fds), pass_fds=(*fds, pipe),
            stdin=PIPE if fds else DEVNULL, stdout=output, stderr=output, env=variables, preexec_fn=own_group,
        )  # fmt: skip


def environment(settings: Settings) -> dict[str, str]:
    """The environment that makes a child process load the same settings."""
    names = [spec.name for spec in fields(Settings) if spec.name != "secrets"]
    ours = {f"IVR_{name.upper()}": str(getattr(settings, name)) for name in names}
    inherited = dict(os.environ)
    for name in [name for name in ours if f"{name}_FILE" in inherited]:
        if ours[name] == given(os.environ, name):
            del ours[name]  # the child reads the same file: a password stays out of environments
        else:
            del inherited[f"{name}_FILE"]
    package = str(PACKAGE.parent)
    return {**LIBRARIES, **inherited, **ours, "PYTHONPATH": package}
