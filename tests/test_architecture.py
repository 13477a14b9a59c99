"""Imports go one way: cli -> app -> call, console -> asterisk, speech, content, store -> events, audio, errors.

Modules that are named in no layer stand on top, with ``app``: they may use everything but the command line.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT

BASE = {
    "errors",
    "wording",
    "audio",
    "analysis",
    "events",
    "config",
    "logs",
    "pseudonyms",
    "paths",
    "restarts",
    "espeak",
    "yamlfile",
}
CONTENT = {"callflow", "phrases", "faq", "emergency", "urgency", "nlu", "gate"}
ADAPTERS = {"asterisk", "speech", "store"}

MAY_USE: dict[str, set[str]] = {
    **dict.fromkeys(BASE, BASE),
    **dict.fromkeys(CONTENT, BASE | CONTENT),
    **dict.fromkeys(ADAPTERS, BASE),
    "phone": BASE | {"asterisk"},
    "call": BASE | CONTENT | ADAPTERS,
    "console": BASE | CONTENT | ADAPTERS,
}
"""Part of ``ivr`` -> the other parts it may import."""

PURE = ("asterisk/ari_events", "asterisk/media", "call/turns", "call/language", "call/handoff", "call/digits",
        "call/appointment", "call/rendering", "gate", "faq", "phrases", "callflow/hours", "callflow/file",
        "callflow/opening", "callflow/windows", "callflow/numbers", "wording")  # fmt: skip
"""Bytes or words in, decisions out: no clock, no socket, no waiting."""
WORLD = {
    "asyncio",
    "time",
    "socket",
    "threading",
    "subprocess",
    "aiohttp",
    "httpx",
    "websockets",
    "sqlalchemy",
}

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "ivr").rglob("*.py"))
}


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere in it, by its full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not used here"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else str(node.module)


def part(module: str) -> str:
    """``ivr.call.ear`` -> ``call``."""
    return (module.split(".") + [""])[1]


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module: str) -> None:
    used = {part(name) for name in imported(parse(MODULES[module])) if name.startswith("ivr.")} - {
        part(module)
    }
    if part(module) != "cli":
        assert "cli" not in used, "the command line uses the others, not the other way round"
    allowed = MAY_USE.get(part(module))
    if allowed is not None:
        assert used <= allowed, f"{module} may not import {', '.join(sorted(used - allowed))}"


def test_every_layer_exists_or_is_to_come() -> None:
    assert set(MAY_USE) - {part(module) for module in MODULES} <= {"console"}


def test_no_import_goes_in_a_circle() -> None:
    """At the top of the modules; inside a function it is a choice (engines that are slow to load)."""
    graph = {}
    for module, path in MODULES.items():
        top = ast.Module(
            [node for node in parse(path).body if isinstance(node, ast.Import | ast.ImportFrom)], []
        )
        graph[module] = {name for name in imported(top) if name in MODULES} - {module}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("name", PURE)
def test_what_is_pure_stays_pure(name: str) -> None:
    tree = parse(ROOT / f"ivr/{name}.py")
    assert {module.split(".")[0] for module in imported(tree)} & WORLD == set()
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await)]
