"""The dialplan's linter: the shipped dialplan is sound, and each kind of fault is found in its line."""

from __future__ import annotations

import dataclasses
import re

import pytest

from ivr.asterisk.config import texts
from ivr.asterisk.dialplan_lint import lint
from ivr.asterisk.parameters import PbxParameters, PbxTelephone, TrunkParameters
from ivr.core.settings import Settings, load
from tests.conftest import ROOT

SPARES = (
    PbxTelephone("oncall", number="+33612345678", languages=("fr",)),
    PbxTelephone("overflow", number="+33612345679", languages=("fr",)),
)
MODULES = "load = app_stack.so\nload = app_dial.so\n"


@pytest.fixture
def settings() -> Settings:
    return load(root=ROOT)


@pytest.mark.parametrize(
    "lines",
    [
        PbxParameters(),
        PbxParameters(fallback_phones=SPARES, trunk=TrunkParameters(host="192.0.2.1")),
        PbxParameters(advisers=(), record=False),
    ],
    ids=["default", "with spare telephones", "bare"],
)
def test_the_shipped_dialplan_is_sound(settings: Settings, lines: PbxParameters) -> None:
    written = texts(settings, lines)
    assert lint(written["extensions.conf"], written["modules.conf"]) == []


def test_it_sees_a_module_that_is_not_loaded(settings: Settings) -> None:
    written = texts(settings, dataclasses.replace(PbxParameters(), fallback_phones=SPARES))
    without = written["modules.conf"].replace("load = app_read.so\n", "")
    faults = lint(written["extensions.conf"], without)
    named = [written["extensions.conf"].splitlines()[fault.line - 1] for fault in faults]
    assert named and all("Read(" in line for line in named)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("same => n,Goto(nowhere,s,1)", "no context nowhere"),
        ("same => n,Goto(desk,x,1)", "no extension x in context desk"),
        ("same => n,Goto(desk,s,9)", "has no priority 9"),
        ('same => n,GotoIf($["${EXTEN}"="s"]?gone)', "has no label gone"),
        ("same => n,Gosub(nowhere,s,1)", "no context nowhere"),
        ("same => n,Dial(PJSIP/anna,20,U(nowhere^x))", "no context nowhere"),
        ("same => n,Dial(Local/anna@nowhere/n)", "no context nowhere"),
        ("same => n,NoOp(${COLOUR})", "COLOUR is set nowhere"),
        ("same => 7,NoOp()", "never reached"),
        ("same => 1,NoOp()", "is there twice"),
        ("exten => t,n,NoOp()", "begins with n"),
        ("same => n,Queue(desk-fr)", "needs app_queue"),
    ],
)
def test_each_fault_is_found_in_its_line(line: str, what: str) -> None:
    text = f"[desk]\nexten => s,1,Answer()\n{line}\n"
    [fault] = lint(text, MODULES)
    assert fault.line == 3 and what in fault.what and fault.mend


def test_what_follows_an_end_is_never_reached_but_for_a_label() -> None:
    text = "[desk]\nexten => s,1,Hangup()\n same => n,NoOp()\n"
    assert [fault.line for fault in lint(text, MODULES)] == [3]
    text = "[desk]\nexten => s,1,GotoIf($[1]?end)\n same => n,Hangup()\n same => n(end),NoOp()\n"
    assert lint(text, MODULES) == []


def test_what_is_dialled_stands_in_the_call_flow_and_nothing_is_made_up_at_run_time(
    settings: Settings,
) -> None:
    lines = PbxParameters(fallback_phones=SPARES, trunk=TrunkParameters(host="192.0.2.1"))
    written = texts(settings, lines)["extensions.conf"]
    dialled = set(re.findall(r"Dial\(([^,)]*)", written))
    made_up = {target for target in dialled if "$" in target}
    known = {target.dial for target in (*lines.advisers, *lines.fallback_phones)}
    inside = {"Local/s@note/n", "Local/kept@note/n", *(f"Local/{spare.id}@ring/n" for spare in SPARES)}
    assert dialled - made_up == known | inside
    # a callback's number comes from its task in the store, where it was reduced to + and digits
    assert made_up <= {"PJSIP/${FILTER(+0123456789"}
