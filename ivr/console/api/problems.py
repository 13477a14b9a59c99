"""Turns every error into ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from ivr.core.errors import NotStored, Refused

log = logging.getLogger(__name__)


class Problem(Exception):
    """A handler's refusal: HTTP ``status``, and ``detail`` as one line for a person."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class ProblemResponse(JSONResponse):
    """A response in the format of RFC 9457."""

    media_type = "application/problem+json"


class ProblemDocument(BaseModel):
    """A problem document of RFC 9457; ``detail`` is one line for a person."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


_DESCRIBED = {"content": {ProblemResponse.media_type: {"schema": ProblemDocument.model_json_schema()}}}
REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"description": "The token is missing or wrong", **_DESCRIBED},
    404: {"description": "Not found", **_DESCRIBED},
    409: {"description": "Not possible in the present state", **_DESCRIBED},
    422: {"description": "The request is not valid", **_DESCRIBED},
}
"""The error responses that every router declares."""


def answer_with_problems(app: FastAPI) -> None:
    """Answer every error of ``app`` with a problem document."""

    @app.exception_handler(Problem)
    async def refusal(request: Request, error: Problem) -> ProblemResponse:
        return problem(error.status, error.detail)

    @app.exception_handler(NotStored)
    async def not_stored(request: Request, error: NotStored) -> ProblemResponse:
        return problem(404, str(error))

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> ProblemResponse:
        return problem(409, str(error))

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> ProblemResponse:
        response = problem(error.status_code, str(error.detail))
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> ProblemResponse:
        first = error.errors()[0]  # without the input, which may hold a caller's words
        where = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
        return problem(422, f"{where}: {first['msg']}")

    @app.exception_handler(SQLAlchemyError)
    async def database(request: Request, error: SQLAlchemyError) -> ProblemResponse:
        log.error("ALARM: %s: the store failed (%s)", request.scope["route"].path, type(error).__name__)
        return problem(503, "the store is away; try again in a moment")

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> ProblemResponse:
        return problem(500, "the console failed; its log says why")  # the server logs the traceback


def problem(status: int, detail: str) -> ProblemResponse:
    """Build a problem document with ``title`` from the status."""
    document = ProblemDocument(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return ProblemResponse(document.model_dump(), status)
