"""The steps of set-up that prepare the content: training, rendering prompts, configuring a remote Asterisk."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ivr.content import versions
from ivr.content.bundle import PARTS
from ivr.core.errors import ConfigError
from ivr.core.paths import PACKAGE, prompts
from ivr.core.settings import Settings
from ivr.setup.progress import Task


def served(settings: Settings) -> list[Settings]:
    """The settings of each content that set-up prepares: the version that answers calls, and the edited files."""
    in_use = versions.root(settings)
    return [settings] if in_use == settings.root else [dataclasses.replace(settings, root=in_use), settings]


def training_inputs(settings: Settings) -> Iterable[str | Path]:
    """What the trained models depend on: examples, configuration and the code of the training."""
    from ivr.core import text
    from ivr.nlu import training  # takes a moment to import

    parts = ("faq", "heard", "accueil_rasa", "config.yml", "rasa.lock")
    nlu = [one.root / "nlu" / name for one in served(settings) for name in parts]
    return [*nlu, Path(training.__file__), Path(text.__file__)]


def trained(settings: Settings) -> bool:
    """Whether a model of the examples that answer calls exists; False when the content has errors."""
    from ivr.nlu import training  # takes a moment to import

    try:
        return training.model_path(served(settings)[0]).exists()
    except (ConfigError, OSError):
        return False


def train(settings: Settings, task: Task) -> Sequence[str]:
    """Train Rasa, showing progress in ``task``, and delete models that no content version uses.

    While nothing is published, a copy of the edited files is kept, for a start at which they have errors.
    """
    from ivr.nlu import training
    from ivr.service.pbx_parameters import templates_version

    found = _for_each(settings, lambda one: training.train(one, task.at))
    if versions.current(settings) == 0:
        facts = {"model": training.model_path(settings).name, "templates": templates_version()}
        versions.keep_draft(settings, facts)
    training.clean(settings, versions.models(settings.var))
    return found


def _for_each(settings: Settings, prepare: Callable[[Settings], object]) -> list[str]:
    """Prepare each content; errors of edited files that answer no call are returned, those of the others raised."""
    first, *others = served(settings)
    prepare(first)
    found = []
    for one in others:
        try:
            prepare(one)
        except ConfigError as error:
            found.append(f"the edited files were not prepared: {error}")
    return found


def configure_remote(settings: Settings, task: Task) -> Sequence[str]:
    """Write the configuration of an externally managed Asterisk, and train and load an external Rasa."""
    from ivr.nlu import remote, training
    from ivr.service import supervisor

    current = served(settings)[0]
    if current.rasa_workshop_url:
        training.train(current, task.at)
        asyncio.run(remote.serve(current))
    supervisor.prepare(current)
    return []


def prompt_inputs(settings: Settings) -> Iterable[str | Path]:
    """What the rendered prompts depend on: texts, pronunciations, installed voices, and the code."""
    models = sorted(path.name for path in settings.models.glob("piper-*"))
    words = [one.root / part.path for one in served(settings) for part in PARTS if part.spoken]
    return [*models, *words, PACKAGE / "speech"]


def rendered(settings: Settings) -> bool:
    """Whether any prompts are rendered."""
    return any(prompts(settings).glob("*.wav"))


def render(settings: Settings, task: Task) -> Sequence[str]:
    """Render every fixed sentence, showing progress in ``task``."""
    from ivr.setup import prompts as rendering

    return _for_each(settings, lambda one: rendering.render_all(one, task))
