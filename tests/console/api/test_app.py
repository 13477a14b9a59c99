"""The application: the token, and the format of refusals."""

from __future__ import annotations

import httpx
import pytest

from tests.console.running_console import RunningConsole

OPEN = ("/health", "/healthz", "/readyz")
"""Paths without a token; they reveal nothing about callers."""


async def test_health_and_the_description_need_no_token(console: RunningConsole) -> None:
    async with httpx.AsyncClient(base_url=console.http.base_url) as stranger:
        assert (await stranger.get("/health")).json()["status"] == "up"
        described = (await stranger.get("/openapi.json")).json()
    assert described["openapi"].startswith("3.1") and "/health" in described["paths"]


async def test_what_is_not_there_is_a_problem_document(console: RunningConsole) -> None:
    answer = await console.http.get("/nothing")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Not Found",
    }


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic abc", "Bearer  x y"])
async def test_every_resource_is_closed_to_strangers(console: RunningConsole, header: str) -> None:
    described = (await console.http.get("/openapi.json")).json()["paths"]
    async with httpx.AsyncClient(base_url=console.http.base_url) as stranger:
        for path, methods in described.items():
            for method in methods if path not in OPEN else ():
                headers = {"Authorization": header} if header else {}
                answer = await stranger.request(
                    method.upper(), path.replace("{", "").replace("}", ""), headers=headers
                )
                assert answer.status_code == 401, (method, path)
                assert "token" in answer.json()["detail"].lower()
