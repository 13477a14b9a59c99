"""The console's HTTP application: OpenAPI at ``/openapi.json``, everything else behind the bearer token."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ivr import __version__
from ivr.console.api import callbacks, calls, desk, health, messages, metrics
from ivr.console.api.problems import Problem, answer_with_problems
from ivr.console.context import Context, Here

ROUTERS: tuple[APIRouter, ...] = (
    messages.router,
    callbacks.router,
    calls.router,
    desk.router,
    metrics.router,
)
"""Every resource's router; one module a resource."""

_bearer = HTTPBearer(auto_error=False, description="CONSOLE_TOKEN of var/secrets.env")


def known(here: Here, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
    """Let in who has the token; the others learn nothing else."""
    token = here.settings.secrets["CONSOLE_TOKEN"]
    if given is None or not secrets.compare_digest(given.credentials.encode(), token.encode()):
        raise Problem(401, "send the header Authorization: Bearer and CONSOLE_TOKEN of var/secrets.env")


def create_app(context: Context) -> FastAPI:
    """The application over one store."""
    app = FastAPI(
        title="Accueil",
        version=__version__,
        description="Messages, callbacks and calls of the telephone reception.",
        docs_url=None,  # its pages would fetch scripts from elsewhere
        redoc_url=None,
    )
    app.state.context, app.state.board = context, metrics.Metrics()
    answer_with_problems(app)
    app.add_api_route("/health", about, tags=["service"], summary="Whether the console answers")
    app.include_router(health.router)
    for router in ROUTERS:
        app.include_router(router, dependencies=[Depends(known)])
    return app


def about(here: Here) -> dict[str, str]:
    """The instance and its version; no token needed."""
    return {"status": "up", "instance": here.settings.instance, "version": __version__}
