"""The catalogue of models: voices/models.yml, checked."""

from __future__ import annotations

from typing import Literal

from ivr.core.paths import models_file
from ivr.core.settings import Settings
from ivr.core.yamlfile import Strict, load, raise_if_errors

ModelKind = Literal["recogniser", "endpointing", "voice", "caller", "test"]


class Package(Strict):
    """A registry package that holds the same bytes; ``size`` in bytes."""

    registry: Literal["pypi", "npm"]
    name: str
    version: str
    sha256: str
    size: int
    folder: str | None = None
    """Folder of the package that is the whole model."""


class File(Strict):
    """One file of a model: its official address, or the parts of packages that make it up."""

    sha256: str | None = None
    url: str | None = None
    size: int | None = None
    parts: list[str] = []


class Archive(Strict):
    """A zip file with the model in its only top folder."""

    url: str
    sha256: str | None = None


class Model(Strict):
    """One model; the head of voices/models.yml describes the fields."""

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
        """Whether the model has an official address."""
        return self.archive is not None or (
            bool(self.files) and all(file.url for file in self.files.values())
        )


class Catalogue(Strict):
    """voices/models.yml."""

    models: dict[str, Model]


def catalogue(settings: Settings) -> Catalogue:
    """Load and check voices/models.yml; raises ConfigError with file and line."""
    document = load(models_file(settings), Catalogue, settings.root)
    raise_if_errors(document.findings, "voices/models.yml")
    assert document.model is not None
    return document.model
