"""One module spells the paths below the state folder, and they are where they always were."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.core.settings import load
from ivr.core.state_dir import StateDir
from tests.conftest import ROOT

STATE = StateDir(Path("/state"))
PLACES = {
    "database": "ivr.sqlite",
    "spool": "spool",
    "logs": "logs",
    "asterisk_output": "logs/asterisk.out",
    "recordings": "recordings",
    "captures": "tapes",
    "refusals": "refused",
    "voicemail": "voicemail",
    "pending_messages": "voicemail/pending",
    "set_aside": "set-aside",
    "golden": "golden",
    "replays": "replays",
    "content_versions": "generations",
    "current_version": "generations/current",
    "pid_file": "run.pid",
    "recogniser_socket": "recogniser",
    "classifier_socket": "classifier",
    "control_socket": "control",
    "content_status": "content.json",
    "asterisk_own": "asterisk",
    "own_dialplan": "asterisk/extensions_custom.conf",
    "tls": "tls",
    "queue_log_place": "queue_log.place",
    "purge_clock": "clock-of-purge.json",
}
OURS = ("core/state_dir.py", "core/settings.py")
MODULES = [
    path for path in sorted((ROOT / "ivr").rglob("*.py")) if str(path.relative_to(ROOT / "ivr")) not in OURS
]


def test_what_is_stored_stays_where_it_is() -> None:
    names = {name for name, value in vars(StateDir).items() if isinstance(value, property)}
    assert names == set(PLACES)
    assert {name: str(getattr(STATE, name).relative_to("/state")) for name in names} == PLACES
    assert STATE.log("worker") == Path("/state/logs/worker.log")
    assert STATE.golden_set("fr") == Path("/state/golden/fr.yml")
    assert STATE.lock("collector") == Path("/state/collector.lock")
    assert STATE.demo_recording("fr") == Path("/state/demo-fr.wav")


def test_stored_names_and_paths_are_inverse() -> None:
    assert STATE.name_of(STATE.stored("voicemail/m1.wav")) == "voicemail/m1.wav"
    with pytest.raises(ValueError):
        STATE.name_of(Path("/elsewhere/m1.wav"))


def test_settings_use_it(tmp_path: Path) -> None:
    settings = load({"IVR_VAR": str(tmp_path)}, ROOT)
    assert settings.state_dir.root == settings.state == tmp_path / "state/main"
    assert settings.database == f"sqlite:///{tmp_path}/state/main/ivr.sqlite"
    assert settings.recogniser_socket == tmp_path / "state/main/recogniser"


def spelled(tree: ast.AST) -> Iterator[int]:
    """The lines in which a path is joined to ``....state``, by ``/``, by a method, or in an f-string."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and _is_state(node.left):
            yield node.lineno
        if (
            isinstance(node, ast.Attribute)
            and node.attr in ("joinpath", "glob", "rglob")
            and _is_state(node.value)
        ):
            yield node.lineno
        if isinstance(node, ast.FormattedValue) and ast.unparse(node.value).endswith("settings.state"):
            yield node.lineno
        if isinstance(node, ast.Constant) and node.value in {*PLACES.values()} and "." in str(node.value):
            yield node.lineno


def _is_state(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in ("state", "state_dir")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT / "ivr")))
def test_no_other_module_spells_a_path_below_the_state_folder(path: Path) -> None:
    assert list(spelled(ast.parse(path.read_text("utf-8")))) == []


@pytest.mark.parametrize(
    "line", ['settings.state / "spool"', 'f"{settings.state}/logs"', 'a.state.glob("*")', 'open("run.pid")']
)
def test_the_rule_finds_them(line: str) -> None:
    assert list(spelled(ast.parse(line))) == [1]
