"""Several files that are replaced together: all of them are written first, and none is changed if one fails."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

from ivr.core.files import sync


class StagedFiles:
    """``write`` files, then ``commit`` them; use as ``with``, which discards what was not committed.

    Everything that needs space on the disk happens before ``commit``, which only renames.
    """

    def __init__(self) -> None:
        self._drafts: list[tuple[Path, Path]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for draft, _ in self._drafts:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)

    def write(self, path: Path, content: bytes | str, *, mode: int = 0o666) -> None:
        """Write the new content of ``path`` beside it; it has the owner of the file that it replaces.

        content: bytes, or text that is written as UTF-8.
        mode: permissions of the new file, before the umask.

        Raises OSError, for example on a full disk.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{secrets.token_hex(8)}.part")
        self._drafts.append((draft, path))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with open(os.open(draft, flags, mode), "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            with contextlib.suppress(FileNotFoundError, PermissionError):  # a new file; or we are not root
                former = path.lstat()
                os.fchown(file.fileno(), former.st_uid, former.st_gid)
            file.flush()
            os.fsync(file.fileno())

    def commit(self) -> None:
        """Replace all files, durably.  Raises OSError."""
        for draft, path in self._drafts:
            draft.replace(path)
        for folder in {path.parent for _, path in self._drafts}:
            sync(folder)
        self._drafts = []
