"""The packages of ``ivr``, who may import whom, and what stays free of the outside world.

The table names every package; an import that it does not allow fails, inside functions too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT

MAY_IMPORT: dict[str, str] = {
    "core": "",
    "content": "core",
    "asterisk": "core",
    "speech": "core",
    "store": "core",
    "nlu": "core content speech",
    "reporting": "core content store",
    "call.dialogue": "core content nlu",
    "call.audio": "core content nlu speech asterisk",
    "call": "core content nlu speech asterisk store call.dialogue call.audio",
    "console": "core content asterisk store console.api console.jobs",
    "console.api": "core content asterisk store console",
    "console.jobs": "core content asterisk store console console.api",
    "evaluation": "core content nlu speech store reporting call call.dialogue call.audio"
    " evaluation.labels evaluation.replay",
    "service": "core content asterisk speech store nlu reporting call call.dialogue call.audio",
    "setup": "core content nlu speech call.dialogue service",
    "simulator": "core content asterisk speech store reporting service setup",
    "cli": "core content asterisk speech store nlu reporting evaluation evaluation.labels evaluation.replay service"
    " setup simulator",
}
"""Package or room -> the others that its modules may import.  Rooms that are not named belong to their package."""

ALSO: dict[str, str] = {
    "service.publishing": "evaluation evaluation.replay",
    "service.data_subject_requests": "evaluation evaluation.labels evaluation.replay",
}
"""Module -> what it alone may import beside what its package may."""

PURE = (
    "asterisk/ari_events", "asterisk/media", "call/audio/turn_detector", "call/dialogue/language",
    "call/dialogue/handoff", "call/dialogue/number_words", "call/dialogue/callback_window",
    "call/dialogue/prompt_list", "nlu/gate", "content/faq", "content/phrases", "content/callflow/hours",
    "content/callflow/schema", "content/callflow/opening", "content/callflow/callback_windows",
    "content/callflow/phone_numbers", "core/text",
)  # fmt: skip
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


def room(module: str) -> str:
    """``ivr.call.audio.listener`` -> ``call.audio``; ``ivr.content.callflow.hours`` -> ``content``."""
    parts = module.split(".")[1:]
    two = ".".join(parts[:2])
    return two if two in MAY_IMPORT else parts[0] if parts else ""


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def test_every_package_is_in_the_table_and_no_module_is_loose() -> None:
    packages = {path.parent.name for path in (ROOT / "ivr").glob("*/__init__.py")}
    assert packages == {name for name in MAY_IMPORT if "." not in name}
    assert [path.name for path in (ROOT / "ivr").glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module: str) -> None:
    here = room(module)
    used = {room(name) for name in imported(parse(MODULES[module])) if name.startswith("ivr.")} - {here}
    allowed = {*MAY_IMPORT.get(here, "").split(), *ALSO.get(module.removeprefix("ivr."), "").split()}
    assert used <= allowed, f"{module} may not import {', '.join(sorted(used - allowed))}"


def test_no_import_goes_in_a_circle() -> None:
    """Imports inside functions count: a circle hidden in a function is a circle."""
    graph = {
        module: {name for name in imported(parse(path)) if name in MODULES} - {module}
        for module, path in MODULES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("name", PURE)
def test_what_is_pure_stays_pure(name: str) -> None:
    tree = parse(ROOT / f"ivr/{name}.py")
    assert {module.split(".")[0] for module in imported(tree)} & WORLD == set()
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await)]
