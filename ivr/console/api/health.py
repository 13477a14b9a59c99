"""Liveness (``/healthz``) and readiness (``/readyz``) of the service; neither needs a token."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from functools import partial
from pathlib import Path

import httpx
from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from ivr.asterisk.ari import Ari
from ivr.asterisk.config import ARI_USER
from ivr.console.context import ConsoleContext
from ivr.core.errors import AriError
from ivr.core.settings import Settings
from ivr.core.threads import in_thread
from ivr.store import outbox
from ivr.store.database import Store

ANSWER_S = 2.0
"""Seconds within which each part must answer."""
FREE_BYTES = 100 * 1024 * 1024
"""Free disk space that messages need."""
OPTIONAL = frozenset({"store", "classifier", "messages", "content"})
"""Parts that calls do not need: events wait in the spool for the store, Rasa classifies intents, messages wait in the
inbox."""

router = APIRouter(tags=["service"])


class Readiness(BaseModel):
    """The state of every part by name: ``ok``, or what is wrong."""

    ready: bool
    parts: dict[str, str]


@router.get("/healthz", summary="Whether the console answers")
def healthz() -> dict[str, str]:
    """Answer that the console is up."""
    return {"status": "up"}


@router.get("/readyz", summary="Whether a call could be answered now", responses={503: {"model": Readiness}})
async def readyz(context: ConsoleContext) -> JSONResponse:
    """Check every part; the status is 503 when a part that calls need does not work."""
    parts = await check_parts(context.settings, context.store)
    ready = all(state == "ok" for part, state in parts.items() if part not in OPTIONAL)
    found = Readiness(ready=ready, parts=parts)
    return JSONResponse(found.model_dump(), 200 if ready else 503)


async def check_parts(settings: Settings, store: Store) -> dict[str, str]:
    """Check all parts at the same time; returns the state of each by name, ``ok`` or what is wrong."""
    looked, asked = await asyncio.gather(
        asyncio.gather(
            in_thread(partial(_disk, settings), ANSWER_S, "does not answer"),
            in_thread(store.answers, ANSWER_S, False),
            in_thread(partial(_messages, store), ANSWER_S, "unknown"),
            content_problems(settings),
        ),
        asyncio.gather(
            _telephony(settings),
            _recogniser(settings),
            _classifier(settings.rasa),
            _classifier("http://classifier", settings.classifier_socket),
        ),
    )
    disk, stored, messages, content = looked
    telephony, recogniser, rasa, classifier = asked
    return {
        **telephony,
        "recogniser": recogniser,
        "rasa": rasa,
        "classifier": classifier,
        "disk": disk,
        "store": "ok" if stored else "away",
        "content": next(iter(content), "ok"),
        "messages": messages,
    }


async def _telephony(settings: Settings) -> dict[str, str]:
    """The states of Asterisk, and of the worker, which must be registered there."""
    password = settings.secrets["ARI_PASSWORD"]
    async with Ari(settings.ari_url, ARI_USER, password, settings.app, timeout=ANSWER_S) as ari:
        try:
            registered = await ari.application() is not None
        except AriError:
            return {"asterisk": "does not answer", "worker": "unknown"}
    return {"asterisk": "ok", "worker": "ok" if registered else "not registered"}


async def _recogniser(settings: Settings) -> str:
    """The recogniser sends its name to each client once its models are loaded."""
    try:
        async with asyncio.timeout(ANSWER_S):
            socket = await asyncio.to_thread(settings.recogniser_socket.readlink)
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                said = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return "does not answer"
    return "ok" if b'"name"' in said else "has no models"


async def _classifier(url: str, socket: Path | None = None) -> str:
    """The state of Rasa, or of the process at a Unix socket: both refuse their status while no model is loaded."""
    transport = None if socket is None else httpx.AsyncHTTPTransport(uds=str(socket))
    try:
        async with httpx.AsyncClient(timeout=ANSWER_S, trust_env=False, transport=transport) as client:
            answer = await client.get(f"{url}/status")
    except httpx.HTTPError:
        return "does not answer"
    return "ok" if answer.is_success else "no model is loaded"


def _messages(store: Store) -> str:
    """Whether somebody was told of each new message."""
    try:
        count = len(outbox.untold(store, time.time()))
    except SQLAlchemyError:
        return "unknown"
    return f"nobody was told of {count} new messages" if count else "ok"


async def content_problems(settings: Settings) -> list[str]:
    """What is wrong with content that was edited or published, with file and line, as the supervisor has found it."""
    return await in_thread(partial(_content_problems, settings), ANSWER_S, [])


def _content_problems(settings: Settings) -> list[str]:
    try:
        found = json.loads(settings.state_dir.content_status.read_text("utf-8"))["problems"]
    except (OSError, ValueError, LookupError, TypeError):
        return []
    return [str(one) for one in found] if isinstance(found, list) else []


def _disk(settings: Settings) -> str:
    try:
        free = min(shutil.disk_usage(path).free for path in (settings.state, settings.pbx))
    except OSError as error:
        return str(error.strerror)
    return "ok" if free > FREE_BYTES else f"{free // 1024 // 1024} MB left"
