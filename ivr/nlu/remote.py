"""Two Rasa servers of others' keeping that see our models at the same path: one serves, one trains and tries.

``IVR_RASA_URL`` answers callers and takes a new model while it runs; ``IVR_RASA_WORKSHOP_URL`` is where a
publication is trained and examined, so that no caller waits for it.
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
from ivr.nlu import training

LOAD_S = 60.0
"""Seconds a server may take to answer, and then to load a model."""
CURRENT = "current"
"""Link to the model to serve, beside the models: a Rasa that starts again begins with it."""


async def serve(settings: Settings) -> None:
    """The content of ``settings`` is understood from now on; raises SetupError when there is no model of it."""
    model = await asyncio.to_thread(training.model_path, settings)
    if not model.exists():
        raise SetupError("no trained model of today's questions: run set-up")
    _point(rasa_models(settings) / CURRENT, model)
    await load(settings.rasa_url, model)


async def load(url: str, model: Path) -> None:
    """Have the Rasa at ``url`` take ``model``; raises SetupError when it is away or refuses."""
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
