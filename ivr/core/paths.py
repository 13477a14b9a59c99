"""Paths of what set-up makes under ``Settings.var``, and of the files of the checkout that it reads."""

from __future__ import annotations

from pathlib import Path

from ivr.core.settings import Settings

PACKAGE = Path(__file__).resolve().parent.parent
"""The folder of the ``ivr`` package."""


def rasa_env(settings: Settings) -> Path:
    """Rasa's own Python environment."""
    return settings.var / "rasa" / "env"


def rasa_python(settings: Settings) -> Path:
    """The interpreter of that environment: Rasa runs as ``rasa_python -m rasa``."""
    return rasa_env(settings) / "bin" / "python"


def rasa_models(settings: Settings) -> Path:
    """Trained models of the embedded Rasa."""
    return settings.var / "rasa" / "models"


def prompts(settings: Settings) -> Path:
    """Rendered prompts, one WAV each."""
    return settings.var / "prompts"


def callers(settings: Settings) -> Path:
    """Sentences of simulated callers, one WAV each."""
    return settings.var / "callers"


def proposals(settings: Settings) -> Path:
    """Sentences of callers that are proposed as examples or test questions."""
    return settings.var / "proposals"


def downloads(settings: Settings) -> Path:
    """Unfinished downloads; they can be deleted when no set-up runs."""
    return settings.var / "downloads"


def stamps(settings: Settings) -> Path:
    """For each step of set-up, a hash of the inputs with which it last ran."""
    return settings.var / "setup"


def models_file(settings: Settings) -> Path:
    """The catalogue of models with their addresses."""
    return settings.root / "voices" / "models.yml"


def models_lock(settings: Settings) -> Path:
    """Checksums of models that had none in the catalogue, from their first download."""
    return settings.root / "voices" / "models.lock"
