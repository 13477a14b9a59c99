"""The two steps that make the service's content ready: training, and the prompts."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from ivr.core.paths import PACKAGE, prompts
from ivr.core.settings import Settings
from ivr.setup.progress import Task


def training_inputs(settings: Settings) -> Iterable[str | Path]:
    """What the trained model depends on."""
    from ivr.core import text
    from ivr.nlu import training  # takes a moment to import

    root = settings.root
    nlu = [root / "nlu" / name for name in ("faq", "heard", "accueil_rasa", "config.yml", "rasa.lock")]
    return [*nlu, Path(training.__file__), Path(text.__file__)]


def trained(settings: Settings) -> bool:
    """Whether the model of today's examples is there (ConfigError when the content has faults)."""
    from ivr.nlu import training  # takes a moment to import

    return training.model_path(settings).exists()


def train(settings: Settings, task: Task) -> Sequence[str]:
    """Train Rasa on the FAQ; models that nobody needs any more go."""
    from ivr.content import versions
    from ivr.nlu import training

    training.train(settings, task.at)
    training.clean(settings, versions.models(settings.var))
    return []


def write_line(settings: Settings, task: Task) -> Sequence[str]:
    """What an Asterisk and a Rasa of others' keeping start from: the content in use."""
    from ivr.content import versions
    from ivr.content.callflow import load_callflow
    from ivr.nlu import remote, training
    from ivr.service import supervisor

    used = dataclasses.replace(settings, root=versions.root(settings))
    if used.rasa_workshop_url:
        training.train(used, task.at)
        asyncio.run(remote.serve(used))
    supervisor.prepare(used, load_callflow(used.root))
    return []


def prompt_inputs(settings: Settings) -> Iterable[str | Path]:
    """What the rendered prompts depend on: the words, how they are read, and which voices are there."""
    root = settings.root
    models = sorted(path.name for path in settings.models.glob("piper-*"))
    words = [root / "nlu" / "faq", root / "voices" / "phrases", root / "voices" / "say"]
    return [*models, *words, root / "dialplans" / "callflow.yml", PACKAGE / "speech"]


def rendered(settings: Settings) -> bool:
    """Whether there are prompts."""
    return any(prompts(settings).glob("*.wav"))


def render(settings: Settings, task: Task) -> Sequence[str]:
    """Render every fixed sentence."""
    from ivr.setup import prompts as rendering

    rendering.render_all(settings, task)
    return []
