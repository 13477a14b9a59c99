"""The HTTP application of the console.  OpenAPI is at ``/openapi.json``; all resources need the bearer token."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ivr import __version__
from ivr.console.api import callbacks, calls, desk, health, messages, metrics
from ivr.console.api.problems import Problem, answer_with_problems
from ivr.console.context import ConsoleContext, Context

ROUTERS: tuple[APIRouter, ...] = (
    messages.router,
    callbacks.router,
    calls.router,
    desk.router,
    metrics.router,
)
"""The router of every resource."""

_bearer = HTTPBearer(auto_error=False, description="CONSOLE_TOKEN of var/secrets.env")


def require_token(
    context: ConsoleContext, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> None:
    """Refuse a request without the token; raises Problem 401."""
    token = context.settings.secrets["CONSOLE_TOKEN"]
    if credentials is None or not secrets.compare_digest(credentials.credentials.encode(), token.encode()):
        raise Problem(401, "send the header Authorization: Bearer and CONSOLE_TOKEN of var/secrets.env")


def create_app(context: Context) -> FastAPI:
    """Build the application on ``context``."""
    app = FastAPI(
        title="Accueil",
        version=__version__,
        description="Messages, callbacks and calls of the telephone reception.",
        docs_url=None,  # its pages load scripts from another site
        redoc_url=None,
    )
    app.state.context, app.state.metrics = context, metrics.Metrics()
    answer_with_problems(app)
    app.add_api_route("/health", about, tags=["service"], summary="Whether the console answers")
    app.include_router(health.router)
    for router in ROUTERS:
        app.include_router(router, dependencies=[Depends(require_token)])
    return app


def about(context: ConsoleContext) -> dict[str, str]:
    """Return the instance and its version; needs no token."""
    return {"status": "up", "instance": context.settings.instance, "version": __version__}
