"""Trains the intent model from the FAQ's examples; a model file is named after a hash of its inputs."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

import httpx

from ivr.content import augmented
from ivr.content.faq import Faq, load_faq
from ivr.core.errors import SetupError
from ivr.core.paths import rasa_models, rasa_python
from ivr.core.settings import Settings
from ivr.core.text import LANGUAGES, spoken
from ivr.core.yamlfile import dump
from ivr.nlu.classifier import question

CONFIG = Path("nlu/config.yml")
LOCK = Path("nlu/rasa.lock")
PARTS = Path("nlu/accueil_rasa")  # the code of the model
DATA = "nlu.yml"
START_S, TRAIN_S = 120.0, 1800.0  # seconds to wait for an external Rasa to answer, and to train
SPARE = 3  # newest models that are kept although unused: an edit that is undone needs no training
QUIET = {
    "RASA_TELEMETRY_ENABLED": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
}

Progress = Callable[[float | None, str], None]


def _silent(share: float | None, text: str) -> None:
    """Show no progress."""


def model_path(settings: Settings, faq: Faq | None = None) -> Path:
    """The path of the model of this content; ``faq`` is loaded where it is not given.  The file may not exist yet."""
    return rasa_models(settings) / f"{fingerprint(settings, faq or load_faq(settings.root))}.tar.gz"


def fingerprint(settings: Settings, faq: Faq) -> str:
    """Hash of everything the model is made from: examples, phonemes, code, pipeline and Rasa's packages."""
    total = hashlib.sha256()
    for lang, intent, example in _examples(settings, faq):
        total.update(f"{lang}\t{intent}\t{spoken(example)}\n".encode())
    total.update(version("piper-tts").encode())  # its espeak-ng makes the phonemes
    parts = sorted((settings.root / PARTS).glob("*.py"))
    for path in (settings.root / CONFIG, settings.root / LOCK, *parts):
        total.update(path.read_bytes())
    return total.hexdigest()[:16]


def environment(settings: Settings) -> dict[str, str]:
    """Environment variables with which Rasa logs little and finds the code of the model."""
    return {**os.environ, **QUIET, "PYTHONPATH": str((settings.root / PARTS).parent)}


def serving_environment(settings: Settings) -> dict[str, str]:
    """The same with one thread: a question is too small to be divided, and calls need the other cores."""
    return {**environment(settings), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def train(settings: Settings, progress: Progress = _silent) -> Path:
    """Train the model of this content, unless it exists, and return its path.

    progress: called with a share (0 to 1, or None) and a text.
    Raises SetupError with the last line of Rasa's output.
    """
    faq = load_faq(settings.root)
    target = model_path(settings, faq)
    if target.exists():
        target.touch()  # the newest for ``clean``
        return target
    work = settings.var / "rasa" / "work" / target.name.partition(".")[0]
    work.mkdir(parents=True, exist_ok=True)
    examples = list(_examples(settings, faq))
    progress(None, f"{len(examples)} examples")
    _write(work / DATA, examples)
    made = (_train_at if settings.rasa_workshop_url else _train_here)(settings, work)
    target.parent.mkdir(parents=True, exist_ok=True)
    made.replace(target)
    return target


def _train_here(settings: Settings, work: Path) -> Path:
    """Train with a Rasa process that is started for this."""
    command = [
        str(rasa_python(settings)), "-m", "rasa", "train", "nlu", "--config", str(settings.root / CONFIG),
        "--nlu", str(work / DATA), "--out", str(work), "--fixed-model-name", "model",
    ]  # fmt: skip
    result = subprocess.run(
        command, cwd=work, env=environment(settings), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
    )  # fmt: skip
    (work / "train.log").write_text(result.stdout, "utf-8")
    made = work / "model.tar.gz"
    if result.returncode or not made.exists():
        last = next((line for line in reversed(result.stdout.splitlines()) if line.strip()), "no output")
        raise SetupError(f"training failed: {last} (all of it: {work / 'train.log'})")
    return made


def _train_at(settings: Settings, work: Path) -> Path:
    """Train with the Rasa at ``IVR_RASA_WORKSHOP_URL``, which takes one file with the pipeline and the examples."""
    text = (settings.root / CONFIG).read_text("utf-8") + (work / DATA).read_text("utf-8").partition("\n")[2]
    made = work / "model.tar.gz"
    _wait_for(settings.rasa_workshop_url)
    try:
        answer = httpx.post(
            f"{settings.rasa_workshop_url}/model/train", content=text.encode(), timeout=TRAIN_S,
            headers={"Content-Type": "application/yaml"}, trust_env=False,
        )  # fmt: skip
        answer.raise_for_status()
    except httpx.HTTPStatusError as error:
        raise SetupError(f"training failed: Rasa answered {error.response.text[:300]}") from None
    except httpx.HTTPError as error:
        raise SetupError(f"training failed: no Rasa at {settings.rasa_workshop_url} ({error!r})") from None
    made.write_bytes(answer.content)
    return made


def _wait_for(url: str) -> None:
    """Return when the Rasa at ``url`` answers, or after ``START_S``: it may have started at the same time."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{url}/version", timeout=2.0, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.5)
        else:
            return


def in_use(model: Path) -> BinaryIO:
    """Lock a model, so that ``clean`` keeps it until the returned file is closed."""
    file = model.open("rb")
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def clean(settings: Settings, wanted: Collection[str]) -> list[Path]:
    """Remove old models and the files of their training; returns the removed models.

    Kept: those named in ``wanted``, those that a Rasa serves, and the ``SPARE`` trained or asked for last.
    """
    folder = rasa_models(settings)
    newest_first = sorted(folder.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime, reverse=True)
    keep = {*wanted, *(path.name for path in newest_first[:SPARE])}
    gone = [path for path in newest_first if path.name not in keep and _removed(path)]
    for path in gone:
        shutil.rmtree(settings.var / "rasa" / "work" / path.name.partition(".")[0], ignore_errors=True)
    return gone


def _removed(model: Path) -> bool:
    with model.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        model.unlink()
        return True


def _examples(settings: Settings, faq: Faq) -> Iterator[tuple[str, str, str]]:
    """Yield (language, intent, example): as written, then as a recogniser transcribed them."""
    for lang in LANGUAGES:
        for intent, example in faq.examples(lang):
            yield lang, intent, example
    yield from augmented.examples(settings.root, faq)


def _write(path: Path, examples: Iterable[tuple[str, str, str]]) -> None:
    by_intent: dict[str, list[str]] = {}
    for lang, intent, example in examples:
        by_intent.setdefault(intent, []).append(question(example, lang))
    entries = [
        {"intent": intent, "examples": "".join(f"- {example}\n" for example in dict.fromkeys(examples))}
        for intent, examples in by_intent.items()
    ]
    path.write_text(dump({"version": "3.1", "nlu": entries}), "utf-8")
