"""Files on the disk: written in one step and durably, read only when they are regular files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from pathlib import Path

from ivr.core.errors import UnusableFile

LARGEST_BYTES = 512 * 1024 * 1024
"""More than any file of ours: a side of a recorded call of four hours and a half."""


def write_durably(path: Path, content: bytes | str, *, mode: int = 0o666) -> None:
    """Replace a file in one step: after a crash or a power failure it holds the old content or the new one, whole.

    path: the file; its folder is made if it is missing.
    content: bytes, or text that is written as UTF-8.
    mode: permissions of a new file, before the umask.

    Raises OSError, for example on a full disk; the file is then as before.  Source: rename(2), fsync(2).
    """
    draft = new_draft(path)
    try:
        write_draft(draft, content, mode=mode)
        draft.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    sync(path.parent)


def new_draft(path: Path) -> Path:
    """Make the folder of ``path``, and return a name beside it for its new content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{secrets.token_hex(8)}.part")


def write_draft(draft: Path, content: bytes | str, *, mode: int, owner_of: Path | None = None) -> None:
    """Write a new file and synchronise it to the disk.

    content, mode: as for ``write_durably``.
    owner_of: a file whose owner the new one gets, where there is such a file and this process may give files away.

    Raises OSError, also where the file exists.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with open(os.open(draft, flags, mode), "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        if owner_of is not None:
            with contextlib.suppress(FileNotFoundError, PermissionError):
                former = owner_of.lstat()
                os.fchown(file.fileno(), former.st_uid, former.st_gid)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Synchronise a file, or the names in a folder, to the disk (fsync), so that it survives a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal figures.  Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_regular(path: Path) -> bool:
    """Whether there is a regular file at ``path``; links are not followed."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def open_regular(path: Path) -> int:
    """Open a file for reading, and return its descriptor.

    A folder of a spool may hold anything: opening a FIFO would wait for ever, and a link may lead anywhere.

    Raises UnusableFile when it is no regular file, or larger than ``LARGEST_BYTES``, and OSError when it cannot be
    opened.
    """
    try:
        found = path.lstat()
        _require_usable(path, found)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a zero byte in the name
        raise UnusableFile(f"{path!r}: {error}") from None
    try:
        _require_usable(path, os.fstat(descriptor))
    except UnusableFile:
        os.close(descriptor)
        raise
    return descriptor


def read_regular(path: Path) -> bytes:
    """Return the content of a file; raises as ``open_regular`` does."""
    with open(open_regular(path), "rb") as file:
        return file.read()


def _require_usable(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise UnusableFile(f"{str(path)!r} is no regular file")
    if found.st_size > LARGEST_BYTES:
        raise UnusableFile(f"{str(path)!r} has {found.st_size} bytes, more than any file of ours")
