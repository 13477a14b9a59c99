"""The trained model, loaded into a process of ours from the archive that Rasa serves.

The code that runs it lies in the content, beside the pipeline (``nlu/accueil_rasa``), so that a content version is
served by the code that made its model; Rasa's component uses the same code.  See ``docs/understanding.md``.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path
from types import ModuleType
from typing import Final, Protocol

from ivr.core.errors import NluUnavailable
from ivr.nlu.classifier import ClassifierName, Intent, question

PACKAGE: Final = "accueil_rasa"
COMPONENT: Final = f"{PACKAGE}.component.KernelClassifier"
RASAS_OWN: Final = ("NLUMessageConverter", "RegexMessageHandler")
"""Nodes that Rasa adds to every pipeline; they do not change the ranking of a plain sentence."""


class TrainedModel(Protocol):
    """``accueil_rasa.model.KernelModel``, as far as it is used here."""

    def rank(self, question: str) -> list[tuple[str, float]]:
        """Every intent with its probability, the best first; blocks for some milliseconds."""


def load(archive: Path, parts: Path) -> TrainedModel:
    """Load the model that Rasa packed; blocks for some seconds.

    archive: the ``.tar.gz`` that Rasa's training wrote.
    parts: the folder ``nlu/accueil_rasa`` of the content that the model was made from.
    Raises NluUnavailable, which says why, where this process cannot run the model.
    """
    try:
        with tarfile.open(archive) as packed:
            files = {Path(name).name: name for name in packed.getnames()}
            _check_pipeline(json.loads(_read(packed, files["metadata.json"])))
            model = _code(parts)
            numbers, about = (_read(packed, files[name]) for name in (model.NUMBERS, model.ABOUT))
        loaded: TrainedModel = model.KernelModel.load(io.BytesIO(numbers), io.BytesIO(about))
    except (OSError, ImportError, AttributeError, LookupError, TypeError, ValueError, EOFError,
            tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:  # fmt: skip
        raise NluUnavailable(f"{archive.name} is no model for this process: {error!r}") from error
    return loaded


class ModelClassifier:
    """An ``IntentClassifier`` that runs the model in this process.

    A question blocks the event loop, so no call may run on it: ``ivr.service.classifier`` is its process.
    """

    name = ClassifierName.LOCAL

    def __init__(self, model: TrainedModel) -> None:
        """Ask ``model``."""
        self._model = model

    async def ready(self) -> bool:
        """It is: it has its model."""
        return True

    async def classify(self, text: str, lang: str) -> Intent:
        """The intent of a sentence; always answers."""
        asked = question(text, lang)
        return Intent.of(self._model.rank(asked), self.name) if asked else Intent.of([])


def _check_pipeline(metadata: dict[str, dict[str, dict[str, dict[str, str]]]]) -> None:
    """Raise ValueError where another component than ours ranks intents."""
    used = {node["uses"] for node in metadata["predict_schema"]["nodes"].values()}
    others = [name for name in used - {COMPONENT} if name.rpartition(".")[2] not in RASAS_OWN]
    if others:
        raise ValueError(f"only Rasa can run {', '.join(sorted(others))}")


def _read(packed: tarfile.TarFile, name: str) -> bytes:
    file = packed.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file.read()


def _code(parts: Path) -> ModuleType:
    """The module ``accueil_rasa.model`` from the folder ``parts``."""
    initial = parts / "__init__.py"
    spec = importlib.util.spec_from_file_location(PACKAGE, initial, submodule_search_locations=[str(parts)])
    if spec is None or spec.loader is None:
        raise ImportError(f"no Python package in {parts}")
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]  # of another content version
    package = sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    return importlib.import_module(f"{PACKAGE}.model")
