"""The context that every handler and job of the console works with."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from ivr.content.callflow import Callflow, load_callflow
from ivr.core import clock
from ivr.core.settings import Settings
from ivr.store.database import Store


@dataclass(frozen=True)
class Context:
    """The settings, the call flow in use, and the store."""

    settings: Settings
    callflow: Callflow
    store: Store

    def now(self) -> dt.datetime:
        """The time in the office's zone; ``IVR_TODAY`` fixes it."""
        return clock.now(self.settings, self.callflow.hours.zone)


def open_context(settings: Settings) -> Context:
    """Open the store and load the call flow.

    Raises ConfigError when the call flow has errors, SQLAlchemy's OperationalError when the store cannot be reached.
    """
    settings.state.mkdir(parents=True, exist_ok=True)
    store = Store(settings.database)
    store.connect().close()
    return Context(settings, load_callflow(settings.root), store)


def _app_context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


ConsoleContext = Annotated[Context, Depends(_app_context)]
"""Type of a handler's parameter: ``def handler(context: ConsoleContext)``."""
