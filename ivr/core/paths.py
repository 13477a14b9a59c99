"""Where set-up puts things under ``settings.var``, and the files of the checkout it builds them from."""

from __future__ import annotations

from pathlib import Path

from ivr.core.settings import Settings

PACKAGE = Path(__file__).resolve().parent.parent
"""The folder of the ``ivr`` package."""


def rasa_env(settings: Settings) -> Path:
    """Rasa's own Python environment."""
    return settings.var / "rasa" / "env"


def rasa_python(settings: Settings) -> Path:
    """Its interpreter: run Rasa as ``rasa_python -m rasa``."""
    return rasa_env(settings) / "bin" / "python"


def rasa_models(settings: Settings) -> Path:
    """Trained models of the embedded Rasa."""
    return settings.var / "rasa" / "models"


def prompts(settings: Settings) -> Path:
    """Rendered prompts, one WAV each."""
    return settings.var / "prompts"


def callers(settings: Settings) -> Path:
    """What callers say in tests and in the demonstration, one WAV each."""
    return settings.var / "callers"


def proposals(settings: Settings) -> Path:
    """Sentences of callers that wait to be accepted as examples or test questions."""
    return settings.var / "proposals"


def downloads(settings: Settings) -> Path:
    """Downloads under way; safe to delete when no set-up runs."""
    return settings.var / "downloads"


def stamps(settings: Settings) -> Path:
    """What each step of set-up was last done from."""
    return settings.var / "setup"


def models_file(settings: Settings) -> Path:
    """Where models come from."""
    return settings.root / "voices" / "models.yml"


def models_lock(settings: Settings) -> Path:
    """Sums of models that were taken on trust at their first download."""
    return settings.root / "voices" / "models.lock"
