"""The private Asterisk: Debian's own packages of it, from sid, in a folder of ours.

Debian 12 and 13 have no Asterisk.  debootstrap checks the signature of sid's Release file; that a mirror's
file may be past its Valid-Until date is accepted: the packages are held by the signed sums all the same.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ivr.core.errors import SetupError
from ivr.core.paths import stamps
from ivr.core.settings import Settings
from ivr.setup.command import run
from ivr.setup.progress import Task
from ivr.setup.steps import build
from ivr.setup.system import debian_mirror, need_root

SUITE = "sid"
PACKAGES = ("asterisk", "asterisk-core-sounds-en-wav", "ca-certificates")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LINES = 880
"""Lines that debootstrap writes for these packages (measured): the whole of our bar."""


def inputs(settings: Settings) -> Iterable[str | Path]:
    """What the result depends on."""
    return [SUITE, *PACKAGES]


def present(settings: Settings) -> bool:
    """Whether a whole Asterisk stands there."""
    return (settings.rootfs / "usr/sbin/asterisk").exists()


def install(settings: Settings, task: Task) -> Sequence[str]:
    """Bootstrap beside the old one, carry the instances over (their messages live there), then swap."""
    need_root("debootstrap and chroot for the private Asterisk")
    users = _users(settings.rootfs)
    if users:
        raise SetupError(f"an Asterisk is running from {settings.rootfs} (process {users[0]}): stop it first")
    partial = settings.rootfs.with_name(f"{settings.rootfs.name}.partial")
    clean(partial)
    build(settings.rootfs, lambda folder: _bootstrap(settings, folder, task))
    return []


def clean(partial: Path) -> None:
    """Remove what an interrupted bootstrap left; never through a mount (that would be the machine's /dev)."""
    for point in reversed(_mounts(partial)):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
    left = _mounts(partial)
    if left:
        raise SetupError(f"cannot unmount {left[0]}: unmount it by hand")
    if partial.exists():
        run(["rm", "-rf", "--one-file-system", partial], what=f"removing {partial}")


def _bootstrap(settings: Settings, folder: Path, task: Task) -> None:
    # dpkg would wait for the disk after each file; what a crash leaves behind is thrown away anyway
    hurry = folder / "etc/dpkg/dpkg.cfg.d/hurry"
    hurry.parent.mkdir(parents=True)
    hurry.write_text("force-unsafe-io\n", encoding="utf-8")
    log = stamps(settings) / "debootstrap.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = ["debootstrap", "--variant=minbase", "--force-check-gpg", f"--keyring={KEYRING}"]
    command += [f"--include={','.join(PACKAGES)}", SUITE, str(folder)]
    mirror = debian_mirror()
    run([*_alone(), *command, *([mirror] if mirror else [])], what="debootstrap", line=_lines(task), log=log)
    _prepare(settings, folder)
    version = run(["chroot", folder, "/usr/sbin/asterisk", "-V"], what="asterisk -V")
    (folder / "srv/version").write_text(version + "\n", encoding="utf-8")
    task.at(1.0, version)


def _prepare(settings: Settings, folder: Path) -> None:
    """Space for packages' files is given back, names resolve as on the machine, instances move over."""
    for archive in (folder / "var/cache/apt/archives").glob("*.deb"):
        archive.unlink()
    names = Path("/etc/hosts").read_text(encoding="utf-8") if Path("/etc/hosts").exists() else ""
    # Asterisk looks up its own host name at every call: a name that nobody knows costs a time-out each
    if socket.gethostname() not in names.split():
        names += f"127.0.1.1 {socket.gethostname()}\n"
    (folder / "etc/hosts").write_text(names, encoding="utf-8")
    for instance in (settings.rootfs / "srv").glob("*/"):
        shutil.move(instance, folder / "srv" / instance.name)


def _lines(task: Task) -> Callable[[str], None]:
    """debootstrap's lines, counted: ``I: Unpacking asterisk...``"""
    count = iter(range(1, 1 << 31))

    def line(text: str) -> None:
        task.at(min(next(count) / LINES, 0.99), text.removeprefix("I: "))

    return line


def _alone() -> list[str]:
    """A mount and process space of its own: killed with us, and its mounts vanish with it."""
    alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    works = subprocess.run([*alone, "true"], check=False, capture_output=True).returncode == 0
    return alone if works else []


def _mounts(folder: Path) -> list[str]:
    """Mount points at or under a folder, outermost first."""
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    return [point for point in points if Path(point).is_relative_to(folder.resolve())]


def _users(rootfs: Path) -> list[int]:
    """Processes that run in this root."""
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "root").readlink() == rootfs.resolve():
                found.append(int(process.name))
        except OSError:  # it ended, or is not ours to see
            continue
    return found
