"""The HTTP interface answers any request or refuses it clearly; it never crashes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from ivr.console.api.app import create_app
from ivr.console.context import open_context
from ivr.core.settings import Settings

WORDS = (
    st.text(max_size=12)
    | st.integers().map(str)
    | st.sampled_from(["1", "0", "-1", "1e400", "nan", "new", "fr", "2026-11-22", "9999-12-31", "../../etc", "%00"])
    | st.sampled_from(["9" * 30, "\x00", "'", "1' OR '1'='1", "00000000-0000-0000-0000-000000000000", "0001-01-01"])
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A client of the application; exceptions that it does not catch are raised here."""
    context = open_context(settings)
    token = {"Authorization": f"Bearer {settings.secrets['CONSOLE_TOKEN']}"}
    with TestClient(create_app(context), headers=token) as found:
        yield found
    context.store.close()


def bodies(operation: dict[str, Any], schemas: dict[str, Any]) -> st.SearchStrategy[bytes | None]:
    """Request bodies: nothing, the known fields with any values, or anything."""
    if "requestBody" not in operation:
        return st.none()
    (content,) = operation["requestBody"]["content"].values()
    name = content["schema"].get("$ref", "").rpartition("/")[2]
    known = st.fixed_dictionaries(
        {}, optional=dict.fromkeys(schemas.get(name, {}).get("properties", {}), VALUES)
    )
    return (known | VALUES).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=20)


def test_nothing_makes_it_crash(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    schemas = described.get("components", {}).get("schemas", {})
    operations = [
        (method, path, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        if not path.endswith("/events")  # a stream without end
    ]
    assert len(operations) > 15

    @hypothesis_settings(max_examples=300, derandomize=True)
    @given(st.data())
    def request(data: st.DataObject) -> None:
        method, path, operation = data.draw(st.sampled_from(operations))
        query: dict[str, str] = {}
        for parameter in operation.get("parameters", []):
            word = data.draw(WORDS)
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", quote(word, safe="", errors="replace") or "x")
            elif parameter["in"] == "query" and data.draw(st.booleans()):
                query[parameter["name"]] = word.encode("utf-8", "replace").decode()
        body = data.draw(bodies(operation, schemas))
        headers = {"Content-Type": "application/json"} if body is not None else {}
        answer = client.request(method, path, params=query, content=body, headers=headers)
        assert answer.status_code != 500, answer.text
        if answer.status_code >= 400 and path != "/readyz":  # which reports failing parts
            problem = answer.json()
            assert problem["status"] == answer.status_code and problem["title"], problem

    request()
