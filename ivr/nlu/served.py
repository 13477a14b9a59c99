"""Which trained model answers the questions of a content: its own, or the one that it was published with."""

from __future__ import annotations

import logging
from pathlib import Path

from ivr.content import versions
from ivr.core.paths import rasa_models
from ivr.core.settings import Settings
from ivr.nlu import training

log = logging.getLogger(__name__)


def model(settings: Settings) -> Path | None:
    """Return the model of the content in ``settings.root``; None where there is none.

    The name of a model depends on packages, too, such as the one that makes phonemes.  After an upgrade a published
    version goes on with the model that it was published with, until set-up has trained the new one.

    Raises ConfigError when the content has errors, and OSError when a file of the pipeline is missing.
    """
    wanted = training.model_path(settings)
    if wanted.exists():
        return wanted
    found = versions.manifest(settings.root)
    name = str(found.facts.get("model", "")) if found is not None else ""
    published = rasa_models(settings) / Path(name).name
    if not name or not published.is_file():
        return None
    log.warning("no model %s: %s, of the publication, answers; run make setup", wanted.name, published.name)
    return published
