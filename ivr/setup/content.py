"""The steps of set-up that prepare the content: training, rendering prompts, configuring a remote Asterisk."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from ivr.content.bundle import PARTS
from ivr.core.paths import PACKAGE, prompts
from ivr.core.settings import Settings
from ivr.setup.progress import Task


def training_inputs(settings: Settings) -> Iterable[str | Path]:
    """What the trained model depends on: examples, configuration and the code of the training."""
    from ivr.core import text
    from ivr.nlu import training  # takes a moment to import

    root = settings.root
    nlu = [root / "nlu" / name for name in ("faq", "heard", "accueil_rasa", "config.yml", "rasa.lock")]
    return [*nlu, Path(training.__file__), Path(text.__file__)]


def trained(settings: Settings) -> bool:
    """Whether a model of the present examples exists; raises ConfigError when the content has errors."""
    from ivr.nlu import training  # takes a moment to import

    return training.model_path(settings).exists()


def train(settings: Settings, task: Task) -> Sequence[str]:
    """Train Rasa on the FAQ, showing progress in ``task``, and delete models that no content version uses."""
    from ivr.content import versions
    from ivr.nlu import training

    training.train(settings, task.at)
    training.clean(settings, versions.models(settings.var))
    return []


def configure_remote(settings: Settings, task: Task) -> Sequence[str]:
    """Write the configuration of an externally managed Asterisk, and train and load an external Rasa."""
    from ivr.content import versions
    from ivr.nlu import remote, training
    from ivr.service import supervisor

    current = dataclasses.replace(settings, root=versions.root(settings))
    if current.rasa_workshop_url:
        training.train(current, task.at)
        asyncio.run(remote.serve(current))
    supervisor.prepare(current)
    return []


def prompt_inputs(settings: Settings) -> Iterable[str | Path]:
    """What the rendered prompts depend on: texts, pronunciations, installed voices, and the code."""
    root = settings.root
    models = sorted(path.name for path in settings.models.glob("piper-*"))
    words = [root / part.path for part in PARTS if part.spoken]
    return [*models, *words, PACKAGE / "speech"]


def rendered(settings: Settings) -> bool:
    """Whether any prompts are rendered."""
    return any(prompts(settings).glob("*.wav"))


def render(settings: Settings, task: Task) -> Sequence[str]:
    """Render every fixed sentence, showing progress in ``task``."""
    from ivr.setup import prompts as rendering

    rendering.render_all(settings, task)
    return []
