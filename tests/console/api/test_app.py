"""The application: who is let in, and what a refusal looks like."""

from __future__ import annotations

import httpx
import pytest

from tests.console.house import Desk

OPEN = ("/health", "/healthz", "/readyz")
"""What needs no token: it tells nothing of callers."""


async def test_health_and_the_description_need_no_token(desk: Desk) -> None:
    async with httpx.AsyncClient(base_url=desk.http.base_url) as stranger:
        assert (await stranger.get("/health")).json()["status"] == "up"
        described = (await stranger.get("/openapi.json")).json()
    assert described["openapi"].startswith("3.1") and "/health" in described["paths"]


async def test_what_is_not_there_is_a_problem_document(desk: Desk) -> None:
    answer = await desk.http.get("/nothing")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Not Found",
    }


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic abc", "Bearer  x y"])
async def test_every_resource_is_closed_to_strangers(desk: Desk, header: str) -> None:
    described = (await desk.http.get("/openapi.json")).json()["paths"]
    async with httpx.AsyncClient(base_url=desk.http.base_url) as stranger:
        for path, methods in described.items():
            for method in methods if path not in OPEN else ():
                headers = {"Authorization": header} if header else {}
                answer = await stranger.request(
                    method.upper(), path.replace("{", "").replace("}", ""), headers=headers
                )
                assert answer.status_code == 401, (method, path)
                assert "token" in answer.json()["detail"].lower()
