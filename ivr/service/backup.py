"""``ivr backup`` and ``ivr restore``: one archive of all that an instance cannot make again.

Files are copied in the direction in which they move: Asterisk's spool, notes, the state folder, and the database
last.  What moves meanwhile is therefore in at least one copy.  Databases are copied with SQLite's online backup
(https://www.sqlite.org/backup.html), so a writer need not stop.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import sqlite3
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ivr.content.bundle import FOLDERS
from ivr.core.errors import StoreError, UsageError
from ivr.core.files import sha256_of
from ivr.core.settings import Settings
from ivr.service import takeover
from ivr.store import schema

FORMAT = 1
MANIFEST = "manifest.json"
DATABASES = (".sqlite", ".sqlite3")
PASSING = (".pid", ".lock", "-wal", "-shm", "-journal")
"""Endings of files that mean something to a running process only."""


def backup(settings: Settings, target: Path) -> str:
    """Write the archive ``target``, readable by its owner only; the service may run.

    Returns lines for a person.  Raises UsageError when the target exists or the store is not SQLite, and StoreError
    when a copy is not whole.  An unfinished archive never has the name ``target``.
    """
    _require_sqlite(settings)
    if target.exists():
        raise UsageError(f"{target} exists: name a new file")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _workplace(target.parent) as work:
        copy = work / "copy"
        for source, name in _parts(settings):
            _copy_tree(source, copy / name, but=settings.state_dir.database if name == "state" else None)
        hashes = {str(path.relative_to(copy)): sha256_of(path) for path in _files(copy)}
        about = {"format": FORMAT, "instance": settings.instance, "files": hashes}
        (copy / MANIFEST).write_text(json.dumps(about, indent=1), "utf-8")
        draft = work / "archive.tar"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                archive.add(copy, arcname=".")
            file.flush()
            os.fsync(file.fileno())
        _unpack(draft, work / "checked", settings)
        draft.rename(target)
    return f"saved in {target}: {len(hashes)} files; keep the passwords apart ({settings.var}/secrets.env)"


def restore(settings: Settings, source: Path) -> str:
    """Put the state of the archive ``source`` in the place of the present one, which is kept beside it.

    Edited files are put beside the state folder, and replace nothing.  Returns lines for a person.  Raises SetupError
    when the service runs, UsageError when the archive is torn or foreign, and StoreError when its database is of a
    later version.
    """
    _require_sqlite(settings)
    settings.state.parent.mkdir(parents=True, exist_ok=True)
    with takeover.only_one(settings), _workplace(settings.state.parent) as work:
        new = work / "new"
        _unpack(source, new, settings)
        (new / "state").mkdir(exist_ok=True)
        edited = _free(settings.state, "edited")
        if (new / "edited").exists():
            (new / "edited").rename(edited)
        kept = [_put(new / "asterisk" / name, settings.pbx / name) for name in ("lib", "spool")]
        kept.append(_put(new / "state", settings.state))
    lines = [f"restored from {source}; the edited files of the archive are in {edited}"]
    return "\n".join(lines + [f"what was there before is in {former}" for former in kept if former])


def _require_sqlite(settings: Settings) -> None:
    if not settings.database.startswith("sqlite"):
        raise UsageError("the database is PostgreSQL: use docker/backup.sh and docker/restore.sh, or pg_dump")


@contextlib.contextmanager
def _workplace(parent: Path) -> Iterator[Path]:
    """A folder on the file system of ``parent`` that only this user can enter; it is removed at the end."""
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=parent) as name:
        yield Path(name)


def _parts(settings: Settings) -> Iterator[tuple[Path, str]]:
    """What is copied, in this order, and its name in the archive.  A later copy adds what came meanwhile."""
    state = settings.state_dir
    yield settings.pbx / "spool", "asterisk/spool"
    for first in (state.captures, state.pending_messages, state.voicemail, state.spool):
        yield first, f"state/{first.relative_to(state.root)}"
    yield state.root, "state"
    yield settings.pbx / "lib", "asterisk/lib"
    for name in FOLDERS:
        yield settings.root / name, f"edited/{name}"
    yield state.database, f"state/{state.database.name}"


def _copy_tree(source: Path, target: Path, but: Path | None = None) -> None:
    """Copy the regular files of ``source`` that ``target`` lacks; what is deleted meanwhile is passed over."""
    for path in _files(source):
        copy = target / path.relative_to(source)
        if path == but or copy.exists() or path.name.endswith(PASSING):
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in DATABASES:
            _copy_database(path, copy)
        else:
            with contextlib.suppress(FileNotFoundError):
                shutil.copy2(path, copy, follow_symlinks=False)


def _copy_database(source: Path, target: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=30)) as present,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        present.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")


def _files(folder: Path) -> Iterator[Path]:
    """The regular files of ``folder`` or the file itself; no links, sockets and pipes."""
    if folder.is_file() and not folder.is_symlink():
        yield folder
    for parent, _, names in os.walk(folder):
        for path in (Path(parent, name) for name in sorted(names)):
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISREG(path.lstat().st_mode):
                    yield path


def _unpack(archive: Path, target: Path, settings: Settings) -> None:
    """Unpack ``archive`` in the new folder ``target`` and compare all with its manifest."""
    target.mkdir()
    try:
        with tarfile.open(archive, "r:") as packed:
            _extract(packed, target)
        about = json.loads((target / MANIFEST).read_text("utf-8"))
        known, instance = about["format"], about["instance"]
        hashes = {str(name): str(value) for name, value in about["files"].items()}
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise UsageError(f"{archive} is no whole archive of ivr backup: {error}") from None
    if known != FORMAT or instance != settings.instance:
        raise UsageError(f"{archive} is of instance {instance} in format {known}, not of {settings.instance}")
    found = {str(path.relative_to(target)): path for path in _files(target)}
    del found[MANIFEST]
    wrong = sorted(found.keys() ^ hashes.keys()) or sorted(
        n for n, path in found.items() if sha256_of(path) != hashes[n]
    )
    if wrong:
        raise UsageError(f"{archive} is damaged: {wrong[0]} is not as it was saved")
    for name, path in found.items():
        if path.suffix in DATABASES:
            _check_database(path, name)


def _extract(packed: tarfile.TarFile, target: Path) -> None:
    """Write the regular files below ``target``; raises ValueError for a link, a device or a path that leads out."""
    for member in packed:
        name = Path(member.name)
        if not (member.isreg() or member.isdir()) or name.is_absolute() or ".." in name.parts:
            raise ValueError(f"{member.name!r} is no plain file")
        content = packed.extractfile(member)
        if content is None:
            continue
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            shutil.copyfileobj(content, file)
        os.utime(path, (member.mtime, member.mtime))


def _check_database(path: Path, name: str) -> None:
    try:
        with contextlib.closing(sqlite3.connect(path)) as database:
            if database.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise StoreError(f"the copy of {name} is damaged")
            if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
                for (revision,) in database.execute("SELECT version_num FROM alembic_version"):
                    schema.refuse_later(revision)
    except sqlite3.Error as error:
        raise StoreError(f"the copy of {name} is damaged: {error}") from None


def _put(new: Path, place: Path) -> Path | None:
    """Move ``new`` to ``place``; return where the former ``place`` is now, or None when there was none."""
    kept = None
    if place.exists():
        kept = _free(place, "before-restore")
        place.rename(kept)
    if new.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(new, place)
    return kept


def _free(place: Path, ending: str) -> Path:
    """A name beside ``place`` that nothing has."""
    names = (place.with_name(f"{place.name}.{ending}-{number}") for number in itertools.count(1))
    return next(name for name in names if not name.exists())
