"""Externally managed Rasa servers that share our model directory: one serves, a staging server trains and evaluates.

``IVR_RASA_URL`` answers callers and loads a new model while it runs.  ``IVR_RASA_WORKSHOP_URL`` trains and evaluates
a publication, so that no caller waits for it.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import httpx

from ivr.core.errors import SetupError
from ivr.core.paths import rasa_models
from ivr.core.settings import Settings
from ivr.nlu import served

LOAD_S = 60.0
"""Seconds that a server may take to answer, and then to load a model."""
CURRENT = "current"
"""Name of a link to the model in use, beside the models: a Rasa that restarts loads it."""


async def serve(settings: Settings) -> None:
    """Make the Rasa at ``IVR_RASA_URL`` serve this content; raises SetupError where its model is missing."""
    try:
        model = await asyncio.to_thread(served.model, settings)
        if model is None:
            raise SetupError("no trained model of today's questions: run set-up")
        _point(rasa_models(settings) / CURRENT, model)
    except OSError as error:
        raise SetupError(f"the model cannot be chosen: {error}") from None
    await load(settings.rasa_url, model)


async def load(url: str, model: Path) -> None:
    """Make the Rasa at ``url`` load ``model``; raises SetupError when it does not answer or refuses."""
    deadline = time.monotonic() + LOAD_S
    async with httpx.AsyncClient(base_url=url, timeout=LOAD_S, trust_env=False) as client:
        while True:
            try:
                answer = await client.put("/model", json={"model_file": str(model)})
                break
            except httpx.ConnectError:
                if time.monotonic() > deadline:
                    raise SetupError(f"no Rasa at {url}") from None
                await asyncio.sleep(0.5)
            except httpx.HTTPError as error:
                raise SetupError(f"the Rasa at {url} did not take {model.name}: {error!r}") from None
    if not answer.is_success:
        raise SetupError(f"the Rasa at {url} did not take {model.name}: {answer.text[:300]}")


def _point(link: Path, model: Path) -> None:
    draft = link.with_name(f"{link.name}.{os.getpid()}")
    draft.symlink_to(model.name)
    draft.replace(link)
