"""Rasa for commands: the one that runs, or one that is started for the block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Final

import httpx

from ivr.core.settings import Settings
from ivr.nlu import training
from ivr.nlu.classifier import IntentClassifier
from ivr.nlu.client import HttpClassifier
from ivr.nlu.server import RasaServer

PATIENT_S: Final = 2.0
"""Seconds that a question of a command may take: no caller waits for it."""


@contextmanager
def serving(settings: Settings) -> Iterator[tuple[asyncio.Runner, IntentClassifier]]:
    """``served`` where no event loop runs: yields a runner, and the classifier that belongs to its event loop."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        classifier = runner.run(stack.enter_async_context(served(settings)))
        try:
            yield runner, classifier
        finally:
            runner.run(stack.aclose())


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[IntentClassifier]:
    """Yield the Rasa that serves the content of ``settings``.

    That is the one at ``IVR_RASA_URL``, one that already runs with today's model, or one that runs inside the block.
    Raises SetupError where none can be started.
    """
    async with AsyncExitStack() as stack:
        if not settings.rasa_url and not await _serves(settings):
            await stack.enter_async_context(RasaServer(settings))
        yield await stack.enter_async_context(HttpClassifier(settings.rasa, timeout_s=PATIENT_S))


async def _serves(settings: Settings) -> bool:
    """Whether a Rasa answers with the model of today's examples."""
    try:
        async with httpx.AsyncClient(timeout=1, trust_env=False) as client:
            status = (await client.get(f"{settings.rasa}/status")).raise_for_status().json()
        return bool(status["model_file"] == training.model_path(settings).name)
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return False
