"""Two classifiers as one: the second answers while the first does not.

A circuit breaker (Nygard: Release It!, 2007)::

    first answers        closed: the first is asked; a question that it does not answer in time goes to the second
    first fails once     open: the second is asked at once; the first is probed in the background
    a probe is answered  closed again
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from types import TracebackType
from typing import Final, Self

from ivr.core.errors import NluUnavailable
from ivr.core.processes import cancelled
from ivr.nlu.classifier import Intent, IntentClassifier

log = logging.getLogger(__name__)

PROBE_S: Final = 1.0
"""Seconds between two probes of a classifier that does not answer."""
PROBE: Final = ("bonjour", "fr")
"""The question of a probe: ``/status`` is answered, too, by a server whose model fails."""


class FallbackClassifier:
    """An ``IntentClassifier`` of two; use as ``async with``, which ends the probes."""

    def __init__(self, first: IntentClassifier, second: IntentClassifier) -> None:
        """Ask ``first`` as long as it answers, else ``second``."""
        self._first, self._second = first, second
        self._probing: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The name of the one that is asked now."""
        return (self._second if self._open else self._first).name

    @property
    def _open(self) -> bool:
        return self._probing is not None and not self._probing.done()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._probing is not None:
            await cancelled(self._probing)

    async def ready(self) -> bool:
        """Whether one of the two has a model to answer with; where it is the second, that one is asked."""
        first, second = await asyncio.gather(self._first.ready(), self._second.ready())
        if not first and second:
            self._away(f"{self._first.name} has no model yet", logging.WARNING)
        return first or second

    async def classify(self, text: str, lang: str) -> Intent:
        """The intent of a sentence; raises NluUnavailable where neither answers."""
        if not self._open:
            try:
                return await self._first.classify(text, lang)
            except NluUnavailable as error:
                self._away(f"ALARM: {error}", logging.ERROR)
        return await self._second.classify(text, lang)

    def _away(self, why: str, level: int) -> None:
        if not self._open:  # several calls may have waited for the same failure
            log.log(level, "%s; %s answers until it does", why, self._second.name)
            self._probing = asyncio.create_task(self._probe(), name="classifier probe")

    async def _probe(self) -> None:
        """Return when the first classifier answers again."""
        while True:
            await asyncio.sleep(PROBE_S)
            with contextlib.suppress(NluUnavailable):
                await self._first.classify(*PROBE)
                log.warning("%s answers again", self._first.name)
                return
