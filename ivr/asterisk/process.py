"""An Asterisk of this instance, run in a chroot as a child process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import Self

import psutil

from ivr.asterisk.ari import Ari
from ivr.asterisk.config import ARI_USER, remove, require_installed
from ivr.core.errors import AriError, SetupError
from ivr.core.files import write_durably
from ivr.core.processes import RestartBackoff, own_group, signal_group
from ivr.core.settings import Settings
from ivr.core.supervised_process import Liveness, SupervisedProcess

log = logging.getLogger(__name__)

READY_S = 30.0
"""Seconds from the start to the first answer of ARI; 1 to 2 s are usual."""
STOP_S = 5.0
"""Seconds that it has to end by itself before it is killed."""
LOOK_S = 0.1
"""Seconds between two attempts to reach it."""
RESTART_MAX_S = 10.0
"""Longest pause in seconds before it is started again; there is none after it has run for a while."""
PING_S, MISSED = 3.0, 4
"""Seconds between two questions to ARI, and how many may stay without an answer: it is killed after 12 s."""
COMMAND_S = 10.0
"""Seconds that a command of its console may take."""
NAME_SERVERS = Path("/etc/resolv.conf")
"""The machine's name servers, copied into the chroot at each start: they change, and an operator is known by name."""
OWNER = "run/owner"
"""File that identifies the process which started this instance."""
RELOADED = (
    "res_pjsip.so", "res_pjsip_outbound_registration.so", "pbx_config.so", "res_musiconhold.so", "app_queue.so",
)  # fmt: skip
"""Modules that can read a new configuration without dropping calls."""


class Asterisk:
    """The Asterisk of ``settings.instance``, rendered before; ``async with``, or ``start`` and ``stop``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process = SupervisedProcess(
            "Asterisk", self._launch, RestartBackoff(RESTART_MAX_S, 0.0), stop_s=STOP_S,
            liveness=Liveness(self.healthy, MISSED, MISSED, PING_S),
        )  # fmt: skip

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid or None

    @property
    def log_file(self) -> Path:
        """Asterisk's own log: notices, warnings and errors."""
        return self._settings.pbx / "log/asterisk.log"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it and return when ARI answers.  Raises SetupError with the last error of its log otherwise."""
        await self._process.launch()

    def supervise(self) -> None:
        """Start it again whenever it ends, and when ARI has not answered for a while, until ``stop``."""
        self._process.supervise()

    async def _launch(self) -> asyncio.subprocess.Process:
        self.require()
        await asyncio.to_thread(_end_leftover, self._settings)
        _require_free_ports(self._settings)
        self._prepare()
        inside = f"{self._settings.pbx_inside}/etc/asterisk.conf"
        output = (self._settings.state_dir.asterisk_output).open("ab")
        with output:
            process = await asyncio.create_subprocess_exec(
                shutil.which("chroot") or "/usr/sbin/chroot",
                str(self._settings.rootfs),
                *("/usr/sbin/asterisk", "-f", "-U", "asterisk", "-G", "asterisk", "-C", inside),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=own_group,
            )
        try:
            await self._wait_ready(process)
        except BaseException:
            signal_group(process, signal.SIGKILL)
            await process.wait()
            raise
        return process

    async def stop(self) -> None:
        """End it; calls are hung up.  Does nothing when it does not run."""
        await self._process.stop()

    async def kill(self) -> None:
        """End it by SIGKILL, as a crash would."""
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    async def wait(self) -> int:
        """Wait until the process that runs now ends.  Returns its exit status; 0 when none was started."""
        return await self._process.wait()

    def require(self) -> None:
        """Raise SetupError where it can never be started: it is not installed, or this process is not root."""
        if os.geteuid() != 0:
            raise SetupError("the private Asterisk runs in a chroot: start this as root, or with sudo")
        require_installed(self._settings)

    async def answers(self) -> None:
        """Return when ARI answers."""
        while True:
            if await self.healthy():
                return
            await asyncio.sleep(LOOK_S)

    async def healthy(self) -> bool:
        """Whether ARI answers."""
        async with self._ari() as ari:
            try:
                await ari.ping()
            except AriError:
                return False
        return True

    def own_files(self) -> None:
        """Give what was written meanwhile to Asterisk's user, who could not read it under a strict umask.  Blocks."""
        _own(self._settings.pbx, self._settings.rootfs)

    async def reload(self, *modules: str) -> None:
        """Make Asterisk read a newly rendered configuration; calls go on.  Raises AriError.

        modules: those that read it, by default ``RELOADED``.  New ports and ARI passwords need a restart.
        """
        self.own_files()
        async with self._ari() as ari:
            for module in modules or RELOADED:
                await ari.reload_module(module)

    async def command(self, line: str) -> str:
        """Run a command of Asterisk's console, such as ``core show channels``, and return what it prints.

        The text is empty when Asterisk does not answer within ``COMMAND_S``.
        """
        process = await asyncio.create_subprocess_exec(
            shutil.which("chroot") or "/usr/sbin/chroot",
            str(self._settings.rootfs),
            *(
                "/usr/sbin/asterisk",
                "-C",
                f"{self._settings.pbx_inside}/etc/asterisk.conf",
                "-r",
                "-x",
                line,
            ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(COMMAND_S):
                output, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return ""
        return output.decode(errors="replace")

    async def remove(self) -> None:
        """Stop it and delete its folder."""
        await self.stop()
        remove(self._settings)

    def _ari(self) -> Ari:
        settings = self._settings
        return Ari(settings.ari_url, ARI_USER, settings.secrets["ARI_PASSWORD"], settings.app, timeout=2.0)

    def _prepare(self) -> None:
        settings = self._settings
        logs = settings.state_dir.logs
        logs.mkdir(parents=True, exist_ok=True)
        shown = settings.state_dir.log("asterisk")
        if not shown.is_symlink():
            shown.symlink_to(os.path.relpath(self.log_file, logs))
        hosts = settings.rootfs / "etc/hosts"
        if not hosts.exists():  # without it Asterisk looks its own name up at every call
            hosts.write_text(f"127.0.0.1 localhost {socket.gethostname()}\n", "utf-8")
        with contextlib.suppress(OSError):  # then the copy of the last start stays
            names = settings.rootfs / "etc/resolv.conf"
            former = names.read_bytes() if names.is_file() else b""
            if former != (servers := NAME_SERVERS.read_bytes()):
                write_durably(names, servers, mode=0o644)
        (settings.pbx / OWNER).write_text(_who(os.getpid()), "utf-8")
        _own(settings.pbx, settings.rootfs)

    async def _wait_ready(self, process: asyncio.subprocess.Process) -> None:
        ended = asyncio.ensure_future(process.wait())
        try:
            async with asyncio.timeout(READY_S):
                while not await self.healthy():
                    done, _ = await asyncio.wait({ended}, timeout=0.05)
                    if done:
                        break
                else:
                    return
        except TimeoutError:
            pass
        finally:
            ended.cancel()
        raise SetupError(f"Asterisk did not start: {self._last_error()}")

    def _last_error(self) -> str:
        for path in (self.log_file, self._settings.state_dir.asterisk_output):
            lines = path.read_text("utf-8", "replace").splitlines() if path.exists() else []
            wrong = [line for line in lines if "ERROR" in line] or lines
            if wrong:
                return f"{wrong[-1][:200]} ({path})"
        return "it wrote no log"


def _end_leftover(settings: Settings) -> None:
    """End an Asterisk of the same instance whose starter is dead; raises SetupError when that lives.  Blocks."""
    try:
        process = psutil.Process(int((settings.pbx / "run/asterisk.pid").read_text("ascii")))
        if not _is_ours(process, settings):
            return
        owner = (settings.pbx / OWNER).read_text("ascii")
    except (OSError, ValueError, psutil.Error):
        return
    owner_pid = owner.partition(" ")[0]
    if owner_pid.isdecimal() and int(owner_pid) != os.getpid() and _who(int(owner_pid)) == owner:
        raise SetupError(f"instance {settings.instance} runs already (process {owner_pid})")
    log.warning(
        "an Asterisk of instance %s was left over (process %d): ending it", settings.instance, process.pid
    )
    with contextlib.suppress(psutil.NoSuchProcess):  # psutil kills no other process of the same number
        process.kill()
    while not _is_over(process):
        time.sleep(0.05)


def _is_ours(process: psutil.Process, settings: Settings) -> bool:
    """Whether it is this instance's Asterisk: its program, in our chroot, as a server with our configuration.

    A stored number alone proves nothing: after a crash another process may have it.
    """
    command = process.cmdline()
    inside = Path(f"/proc/{process.pid}/root").samefile(settings.rootfs)
    ours = f"{settings.pbx_inside}/etc/asterisk.conf" in command
    return inside and ours and "-f" in command and Path(command[0]).name == "asterisk"


def _who(pid: int) -> str:
    """Process id and start time, which together identify a process; empty when it is gone.

    The start time is in ticks since boot, field 22 of proc(5).  psutil adds the time of boot to it, and so gives
    another value after the system's clock was set.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return f"{pid} {fields[19]}"


def _is_over(process: psutil.Process) -> bool:
    """Whether it holds no ports any more: a zombie holds them while one of its threads lives (proc(5))."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
    except psutil.NoSuchProcess:
        return True


def _require_free_ports(settings: Settings) -> None:
    """Raise SetupError when a port is taken.  Asterisk starts without such a port, and only logs it."""
    wanted = (
        (socket.SOCK_DGRAM, settings.sip_bind, settings.sip_port, "IVR_SIP_PORT"),
        # without TLS it is 0, which is any free port
        (socket.SOCK_STREAM, settings.sip_bind, settings.sip_tls_port, "IVR_SIP_TLS_PORT"),
        (socket.SOCK_STREAM, "127.0.0.1", settings.http_port, "IVR_HTTP_PORT"),
        (socket.SOCK_STREAM, "127.0.0.1", settings.ami_port, "IVR_AMI_PORT"),
    )
    for kind, address, port, name in wanted:
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                raise SetupError(f"{address}:{port}: {error.strerror}; set {name} to another port") from None


def _own(folder: Path, rootfs: Path) -> None:
    """Give the instance's folder to the user that Asterisk runs as inside the chroot."""
    uid, gid = _asterisk_user(rootfs)
    for path in (folder, *folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # a running Asterisk has just removed it
            if path.lstat().st_uid != uid:
                os.chown(path, uid, gid, follow_symlinks=False)


def _asterisk_user(rootfs: Path) -> tuple[int, int]:
    for line in (rootfs / "etc/passwd").read_text("utf-8").splitlines():
        name, _, uid, gid, *_ = line.split(":")
        if name == "asterisk":
            return int(uid), int(gid)
    raise SetupError(f"no user asterisk in {rootfs}: run make setup")
