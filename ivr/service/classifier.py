"""``python -m ivr.service.classifier FD``: the trained model of the content, behind Rasa's HTTP interface.

The worker asks it at the listening Unix socket ``FD`` while Rasa does not answer.  It is a process of its own for
three reasons.  Loading holds Python's lock for seconds and a question holds it for milliseconds, which would delay
the audio of every call.  A crash of the numerical libraries must not end calls.  A worker that is started again finds
the model loaded.  ``ivr.service.socket_process`` supervises it, and it ends with its supervisor.

A model that cannot be loaded is one ALARM in the log.  The process stays, refuses questions as a Rasa without a
model does, and looks for the model again.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from functools import partial
from json import JSONDecodeError

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ivr.core import entrypoint, heartbeat
from ivr.core.errors import IvrError, NluUnavailable
from ivr.core.processes import cancelled
from ivr.core.settings import Settings
from ivr.nlu import model, served, training

log = logging.getLogger(__name__)

AGAIN_S = 30.0
"""Seconds until a model that was missing is looked for again."""


class ModelServer:
    """Answers ``POST /model/parse`` and ``GET /status``, with 409 while there is no model."""

    def __init__(self) -> None:
        self._model: model.TrainedModel | None = None
        self._name = ""

    async def load(self, settings: Settings) -> None:
        """Take up the model of the content in ``settings``; where there is none, look again until there is."""
        told = ""
        while True:
            try:
                archive = await asyncio.to_thread(served.model, settings)
                if archive is None:
                    raise NluUnavailable("no trained model of today's questions: run make setup")
                self._model = await asyncio.to_thread(model.load, archive, settings.root / training.PARTS)
            except (IvrError, OSError) as error:
                if str(error) != told:
                    log.error("ALARM: %s; there is no second classifier beside Rasa", error)
                told = str(error)
                heartbeat.beat()
                await asyncio.sleep(AGAIN_S)
                continue
            self._name = archive.name
            log.info("Classifier: model %s", archive.name)
            return

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[Route("/status", self._status), Route("/model/parse", self._parse, methods=["POST"])]
        )

    async def _status(self, request: Request) -> Response:
        return JSONResponse({"model_file": self._name}, 200 if self._model is not None else 409)

    async def _parse(self, request: Request) -> Response:
        """Blocks the event loop for the question: there is nothing else on it."""
        if self._model is None:
            return JSONResponse({"status": "failure", "message": "no model is loaded"}, 409)
        try:
            text = str((await request.json())["text"])
        except (JSONDecodeError, LookupError, TypeError):
            return JSONResponse({"status": "failure", "message": 'write {"text": "..."}'}, 400)
        ranking = [{"name": name, "confidence": share} for name, share in self._model.rank(text)]
        return JSONResponse({"text": text, "intent": ranking[0], "intent_ranking": ranking})


async def _serve(listener: socket.socket, settings: Settings) -> None:
    """Serve until the supervisor closes our standard input."""
    models = ModelServer()
    server = uvicorn.Server(
        uvicorn.Config(models.application(), lifespan="off", log_config=None, access_log=False)
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    loading = asyncio.create_task(models.load(settings))
    loading.add_done_callback(lambda _: heartbeat.beat())  # loading holds Python's lock for seconds
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _stop, server)
    await serving
    await cancelled(loading)


def _stop(server: uvicorn.Server) -> None:
    asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
    server.should_exit = True


def main() -> int:
    """Entry point of the classifier process."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    return entrypoint.run(partial(_serve, listener))


if __name__ == "__main__":
    sys.exit(main())
