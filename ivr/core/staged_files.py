"""Several files that are replaced together: all of them are written first, and none is changed if one fails."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

from ivr.core.files import new_draft, sync, write_draft


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
        draft = new_draft(path)
        self._drafts.append((draft, path))
        write_draft(draft, content, mode=mode, owner_of=path)

    def commit(self) -> None:
        """Replace all files, durably.  Raises OSError."""
        for draft, path in self._drafts:
            draft.replace(path)
        for folder in {path.parent for _, path in self._drafts}:
            sync(folder)
        self._drafts = []
