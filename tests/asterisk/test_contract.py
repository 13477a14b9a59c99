"""The names that program and dialplan share stand in the contract, and nowhere else as literals."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

from ivr.asterisk import contract
from ivr.asterisk.contract import (
    AstDbFamily,
    ChannelVariable,
    DialplanContext,
    HandlingKey,
    LastWordsFile,
    QueueVerb,
)
from ivr.core.pbx_names import QUEUE_PREFIX, DeskSound
from ivr.core.vocabulary import TransferStatus
from tests.conftest import ROOT

TEMPLATES = sorted((ROOT / "dialplans/asterisk").glob("*.conf"))
HOMES = {ROOT / f"ivr/{name}.py" for name in ("asterisk/contract", "core/pbx_names", "core/vocabulary")}
DISTINCTIVE = {
    *(name for name in ChannelVariable if name != "CALLBACK"),  # a status has the same name
    *(name.inherited for name in ChannelVariable),
    *(verb for verb in QueueVerb if verb not in {*TransferStatus, "WANTED"}),
    *(sound for sound in DeskSound),
    QUEUE_PREFIX,
    contract.ABSOLUTE_TIMEOUT,
    contract.CHANNEL_LANGUAGE,
}
"""Names that mean nothing else in this program."""
PLACES = {
    "continue_in_dialplan": DialplanContext,
    "originate_into": DialplanContext,
    "Family": AstDbFamily,
    "Variable": ChannelVariable,
}
"""Functions whose string arguments, and keywords whose values, are names of the contract."""


def filled_parts(template: Path) -> Iterator[str]:
    """What a template spells by itself: no comments, and an ellipsis where the contract fills in a name."""
    for line in template.read_text("utf-8").splitlines():
        if not line.lstrip().startswith(";"):
            yield re.sub(r"{{.*?}}|{%.*?%}", "…", line)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_spells_a_shared_name(template: Path) -> None:
    spelt = "\n".join(filled_parts(template))
    contexts, families = "|".join(DialplanContext), "|".join(AstDbFamily)
    patterns = [
        *(rf"\b(__)?{name}\b" for name in ChannelVariable),
        *(rf",{verb}," for verb in QueueVerb),
        *(rf"WHY={status}\b" for status in TransferStatus if status),
        rf"^\[({contexts})\]|[(?,:@]({contexts})(,[^,)]*,|/)",
        rf"DB\(({families})/",
        rf"/({'|'.join(HandlingKey)})\)",
        rf"sounds/({'|'.join(LastWordsFile)})-",
        rf"{'|'.join(DeskSound)}",
        rf"\b{QUEUE_PREFIX}|\b{contract.RETURN}:|@{contract.TRUNK}\b|^\[{contract.TRUNK}\]",
    ]
    found = [match for pattern in patterns for match in re.findall(f"(?m){pattern}", spelt)]
    assert not found


def names_used(template: str) -> set[str]:
    return set(re.findall(r"\b([a-z_]+\.[A-Z_]+)\b", " ".join(re.findall(r"{{.*?}}|{%.*?%}", template))))


def test_every_name_of_the_contract_is_used_by_the_templates() -> None:
    used = set().union(*(names_used(path.read_text("utf-8")) for path in TEMPLATES))
    named = {
        f"{key}.{member.name}"
        for key in ("context", "var", "db", "handled", "callback", "verb", "queue_key", "last_words")
        for member in _members(key)
    }
    assert named - used == set()


def _members(key: str) -> list[StrEnum]:
    names = contract.NAMES[key]
    assert isinstance(names, type) and issubclass(names, StrEnum)
    return list(names)


def literals(tree: ast.AST) -> Iterator[str]:
    """Strings that a module spells, docstrings aside."""
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value


@pytest.mark.parametrize(
    "path", sorted(set((ROOT / "ivr").rglob("*.py")) - HOMES), ids=lambda path: str(path.relative_to(ROOT))
)
def test_no_module_spells_a_shared_name(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert not DISTINCTIVE.intersection(literals(tree))
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Attribute) and call.func.attr in PLACES:
            assert not [argument for argument in call.args if isinstance(argument, ast.Constant)]
        assert not [
            keyword.arg
            for keyword in call.keywords
            if keyword.arg in PLACES and isinstance(keyword.value, ast.Constant)
        ]


def test_the_dialplan_measures_a_fallback_message_as_the_store_does() -> None:
    assert contract.NAMES["shortest_message_bytes"] == 20_000
