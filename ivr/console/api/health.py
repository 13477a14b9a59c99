"""Whether the service lives (``/healthz``) and whether a call could be taken now (``/readyz``); no token needed."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import httpx
from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from ivr.asterisk.ari import Ari
from ivr.asterisk.config import ARI_USER
from ivr.console.context import Here
from ivr.core.errors import AriError
from ivr.core.settings import Settings
from ivr.store.database import Store

ANSWER_S = 2.0
"""Seconds that each part may take to answer."""
ROOM_BYTES = 100 * 1024 * 1024
"""Less free disk is no place for messages."""
WITHOUT = frozenset({"store", "classifier"})
"""Parts that a call can be taken without: events wait in the spool for the store, and Rasa classifies intents."""

router = APIRouter(tags=["service"])


class Readiness(BaseModel):
    """Every part by its name: ``ok``, or what is wrong with it."""

    ready: bool
    parts: dict[str, str]


@router.get("/healthz", summary="Whether the console answers")
def healthz() -> dict[str, str]:
    """It does."""
    return {"status": "up"}


@router.get("/readyz", summary="Whether a call could be taken now", responses={503: {"model": Readiness}})
async def readyz(here: Here) -> JSONResponse:
    """Asks every part; 503 when one is away that a call needs."""
    parts = await look(here.settings, here.store)
    ready = all(state == "ok" for part, state in parts.items() if part not in WITHOUT)
    found = Readiness(ready=ready, parts=parts)
    return JSONResponse(found.model_dump(), 200 if ready else 503)


async def look(settings: Settings, store: Store) -> dict[str, str]:
    """Every part's state, asked at the same time."""
    line, recogniser, rasa, classifier, disk, stored = await asyncio.gather(
        _line(settings),
        _recogniser(settings),
        _classifier(settings.rasa),
        _classifier("http://classifier", settings.classifier_socket),
        asyncio.to_thread(_disk, settings),
        asyncio.to_thread(store.answers),
    )
    return {
        **line,
        "recogniser": recogniser,
        "rasa": rasa,
        "classifier": classifier,
        "disk": disk,
        "store": "ok" if stored else "away",
    }


async def _line(settings: Settings) -> dict[str, str]:
    """Asterisk, and whether a worker has registered there to take calls."""
    password = settings.secrets["ARI_PASSWORD"]
    async with Ari(settings.ari_url, ARI_USER, password, settings.app, timeout=ANSWER_S) as ari:
        try:
            registered = await ari.application() is not None
        except AriError:
            return {"asterisk": "does not answer", "worker": "unknown"}
    return {"asterisk": "ok", "worker": "ok" if registered else "not registered"}


async def _recogniser(settings: Settings) -> str:
    """It says its name to whoever comes, once it has its models."""
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_unix_connection(settings.recogniser_socket.readlink())
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


def _disk(settings: Settings) -> str:
    try:
        free = min(shutil.disk_usage(path).free for path in (settings.state, settings.pbx))
    except OSError as error:
        return str(error.strerror)
    return "ok" if free > ROOM_BYTES else f"{free // 1024 // 1024} MB left"
