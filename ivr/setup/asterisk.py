"""Installs the private Asterisk: Debian's packages from sid, in a root file system of their own.

Debian 12 and 13 have no Asterisk package.  debootstrap checks the signature of sid's Release file.  A mirror's
Release file may be past its Valid-Until date: the signed checksums protect the packages all the same.
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
"""Lines that debootstrap prints for these packages (measured); they drive the progress bar."""


def inputs(settings: Settings) -> Iterable[str | Path]:
    """What the installed Asterisk depends on."""
    return [SUITE, *PACKAGES]


def present(settings: Settings) -> bool:
    """Whether the private Asterisk is installed."""
    return (settings.rootfs / "usr/sbin/asterisk").exists()


def install(settings: Settings, task: Task) -> Sequence[str]:
    """Bootstrap a new root file system beside the old one, move the instances over, and swap the two.

    Instances hold messages.  ``task`` shows the progress.  Raises SetupError when not root, or while an Asterisk
    runs from the old one.
    """
    need_root("debootstrap and chroot for the private Asterisk")
    users = _users(settings.rootfs)
    if users:
        raise SetupError(f"an Asterisk is running from {settings.rootfs} (process {users[0]}): stop it first")
    partial = settings.rootfs.with_name(f"{settings.rootfs.name}.partial")
    bring_back(settings.rootfs)
    clean(partial)
    build(settings.rootfs, lambda folder: _bootstrap(settings, folder, task))
    return []


def bring_back(rootfs: Path) -> None:
    """Undo what an interrupted change of the root file system left: instances hold messages.

    rootfs: the root file system; ``.old`` and ``.partial`` lie beside it.
    """
    old, partial = (rootfs.with_name(f"{rootfs.name}.{end}") for end in ("old", "partial"))
    if old.exists() and not rootfs.exists():
        old.rename(rootfs)
    for source in (old, partial):
        _move_instances(source, rootfs)


def _move_instances(source: Path, target: Path) -> None:
    """Move the folders of instances from one root file system to another; one that is there already stays."""
    for instance in (source / "srv").glob("*/") if target.exists() else ():
        if not (target / "srv" / instance.name).exists():
            (target / "srv").mkdir(exist_ok=True)
            shutil.move(instance, target / "srv" / instance.name)


def clean(partial: Path) -> None:
    """Remove what an interrupted bootstrap left at ``partial``, but nothing behind a mount such as /dev.

    Raises SetupError when a mount cannot be removed.
    """
    for point in reversed(_mounts(partial)):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
    remaining = _mounts(partial)
    if remaining:
        raise SetupError(f"cannot unmount {remaining[0]}: unmount it by hand")
    if partial.exists():
        run(["rm", "-rf", "--one-file-system", partial], what=f"removing {partial}")


def _bootstrap(settings: Settings, folder: Path, task: Task) -> None:
    # dpkg syncs the disk after each file; a result that a crash interrupts is discarded anyway
    config = folder / "etc/dpkg/dpkg.cfg.d/unsafe-io"
    config.parent.mkdir(parents=True)
    config.write_text("force-unsafe-io\n", encoding="utf-8")
    log = stamps(settings) / "debootstrap.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = ["debootstrap", "--variant=minbase", "--force-check-gpg", f"--keyring={KEYRING}"]
    command += [f"--include={','.join(PACKAGES)}", SUITE, str(folder)]
    mirror = debian_mirror()
    run(
        [*_isolation(), *command, *([mirror] if mirror else [])],
        what="debootstrap",
        line=_lines(task),
        log=log,
    )
    _prepare(folder)
    version = run(["chroot", folder, "/usr/sbin/asterisk", "-V"], what="asterisk -V")
    (folder / "srv/version").write_text(version + "\n", encoding="utf-8")
    _move_instances(settings.rootfs, folder)  # last: what fails before leaves them where they are
    task.at(1.0, version)


def _prepare(folder: Path) -> None:
    """Remove downloaded packages, and copy the machine's host names."""
    for archive in (folder / "var/cache/apt/archives").glob("*.deb"):
        archive.unlink()
    names = Path("/etc/hosts").read_text(encoding="utf-8") if Path("/etc/hosts").exists() else ""
    # Asterisk looks up its own host name at every call; an unknown name costs a time-out each time
    if socket.gethostname() not in names.split():
        names += f"127.0.1.1 {socket.gethostname()}\n"
    (folder / "etc/hosts").write_text(names, encoding="utf-8")


def _lines(task: Task) -> Callable[[str], None]:
    """Count debootstrap's lines, such as ``I: Unpacking asterisk...``."""
    count = iter(range(1, 1 << 31))

    def line(text: str) -> None:
        task.at(min(next(count) / LINES, 0.99), text.removeprefix("I: "))

    return line


def _isolation() -> list[str]:
    """Command prefix for mount and process namespaces that end with this process; empty if not permitted."""
    prefix = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    works = subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode == 0
    return prefix if works else []


def _mounts(folder: Path) -> list[str]:
    """Mount points at or under a folder, outermost first."""
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    return [point for point in points if Path(point).is_relative_to(folder.resolve())]


def _users(rootfs: Path) -> list[int]:
    """Processes whose root directory is ``rootfs``."""
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "root").readlink() == rootfs.resolve():
                found.append(int(process.name))
        except OSError:  # it has ended, or belongs to another user
            continue
    return found
