"""The two steps that make the service's content ready: training, and the prompts."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from ivr.config import Settings
from ivr.paths import prompts
from ivr.setup.progress import Task


def training_inputs(settings: Settings) -> Iterable[str | Path]:
    """What the trained model depends on."""
    root = settings.root
    nlu = [root / "nlu" / name for name in ("faq", "heard", "accueil_rasa", "config.yml", "rasa.lock")]
    return [*nlu, root / "ivr" / "training.py", root / "ivr" / "wording.py"]


def trained(settings: Settings) -> bool:
    """Whether the model of today's examples is there (ConfigError when the content has faults)."""
    from ivr import training  # takes a moment to import

    return training.model_path(settings).exists()


def train(settings: Settings, task: Task) -> Sequence[str]:
    """Train Rasa on the FAQ; models that nobody needs any more go."""
    from ivr import generations, training

    training.train(settings, task.at)
    training.clean(settings, generations.models(settings.var))
    return []


def write_line(settings: Settings, task: Task) -> Sequence[str]:
    """What an Asterisk and a Rasa of others' keeping start from: the content in use."""
    from ivr import generations, supervisor, training, workshop
    from ivr.callflow import load_callflow

    used = dataclasses.replace(settings, root=generations.root(settings))
    if used.rasa_workshop_url:
        training.train(used, task.at)
        asyncio.run(workshop.serve(used))
    supervisor.prepare(used, load_callflow(used.root))
    return []


def prompt_inputs(settings: Settings) -> Iterable[str | Path]:
    """What the rendered prompts depend on: the words, how they are read, and which voices are there."""
    root = settings.root
    models = sorted(path.name for path in settings.models.glob("piper-*"))
    words = [root / "nlu" / "faq", root / "voices" / "phrases", root / "voices" / "say"]
    return [*models, *words, root / "dialplans" / "callflow.yml", root / "ivr" / "speech"]


def rendered(settings: Settings) -> bool:
    """Whether there are prompts."""
    return any(prompts(settings).glob("*.wav"))


def render(settings: Settings, task: Task) -> Sequence[str]:
    """Render every fixed sentence."""
    from ivr.setup import prompts as rendering

    rendering.render_all(settings, task)
    return []
