"""The packages of ``ivr``, who may import whom, and what stays free of the outside world.

The table names every package; an import that it does not allow fails, inside functions too.
"""

from __future__ import annotations

import ast
import re
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
    "asterisk/ari_events", "asterisk/media", "call/lifecycle", "call/turn_events", "call/audio/turn_detector",
    "call/audio/turn_trace", "call/audio/end_of_turn", "call/dialogue/language",
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


def own_attributes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Names that a method assigns as attributes of its first argument."""
    arguments = [*function.args.posonlyargs, *function.args.args]
    me = arguments[0].arg if arguments else ""
    return {
        node.attr
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == me
    }


def methods(cls: ast.ClassDef) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in cls.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def declared(cls: ast.ClassDef) -> set[str]:
    """Attributes that the class body, ``__init__`` or our base classes give to every instance."""
    names = {node.id for statement in cls.body for node in _targets(statement)}
    names |= {method.name for method in methods(cls)}  # a property with a setter
    for method in methods(cls):
        if method.name in ("__init__", "__new__"):
            names |= own_attributes(method)
    for base in cls.bases:
        if isinstance(base, ast.Name) and base.id in CLASSES:
            names |= declared(CLASSES[base.id])
    return names


def _targets(statement: ast.stmt) -> Iterator[ast.Name]:
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        yield from (node for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))


CLASSES = {
    node.name: node
    for path in MODULES.values()
    for node in ast.walk(parse(path))
    if isinstance(node, ast.ClassDef)
}
"""Base classes by name: a name has one meaning here."""


@pytest.mark.parametrize("module", MODULES)
def test_every_attribute_is_set_in_init(module: str) -> None:
    """An attribute that another method sets first is missing when the methods are called in another order."""
    late = {
        f"{cls.name}.{name}"
        for cls in ast.walk(parse(MODULES[module]))
        if isinstance(cls, ast.ClassDef)
        for method in methods(cls)
        for name in own_attributes(method) - declared(cls)
    }
    assert not late, f"set outside __init__ only: {', '.join(sorted(late))}"


NO_MODULES = {
    "ivr.sqlite",
    "ivr.no_such_module",
}  # a file of the state, and a test of a module that is missing
IMPORT = re.compile(r"^\s*from ((?:ivr|tests)[\w.]*) import (\w+)", re.MULTILINE)


def _names_in_strings(path: Path) -> Iterator[str]:
    """Names of our modules that stand in strings: to run them, or in programs of tests."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(r"(ivr|tests)(\.[a-z]\w*)+", node.value) and node.value not in NO_MODULES:
                yield node.value
            yield from (f"{module}.{name}" for module, name in IMPORT.findall(node.value))


@pytest.mark.parametrize("folder", ["ivr", "tests"])
def test_modules_that_strings_name_exist(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        for name in _names_in_strings(path):
            module, _, last = name.rpartition(".")
            file, package = ROOT / f"{module.replace('.', '/')}.py", ROOT / name.replace(".", "/")
            there = package.with_suffix(".py").exists() or package.is_dir()
            assert there or re.search(rf"\b{last}\b", file.read_text("utf-8") if file.exists() else ""), (
                f"{path} names {name}"
            )


@pytest.mark.parametrize("module", [name for name in MODULES if room(name) != "store"])
def test_sql_is_written_in_the_store_alone(module: str) -> None:
    """Its errors may be caught anywhere."""
    used = {name for name in imported(parse(MODULES[module])) if name.partition(".")[0] == "sqlalchemy"}
    assert used <= {"sqlalchemy.exc"}


def test_a_public_class_name_has_one_meaning() -> None:
    places: dict[str, list[str]] = {}
    for module, path in MODULES.items():
        for node in parse(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(module)
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}
