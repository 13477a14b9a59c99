"""Replays as cells of a table, as an HTML page and as JUnit XML for build servers.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from ivr.evaluation.replay.golden import Check
from ivr.reporting.html import render

Row = Mapping[str, Any]


def cells(row: Row) -> tuple[str, str, str, str]:
    """Return four cells of a row: heard as recorded and today, decided as recorded and today."""
    heard, decided = row["heard"], row["decided"]
    return _heard(heard["then"]), _heard(heard["now"]), _decided(decided["then"]), _decided(decided["now"])


def sentence(total: Mapping[str, Any]) -> str:
    """Return the summary as one line.

    total: the counts of ``diff.summed``, with ``kept`` (calls) and ``seconds``.
    """
    reasons = ", ".join(f"{reason} {count}" for reason, count in total["reasons"].items())
    because = f" ({reasons})" if reasons else ""
    return (
        f"{total['calls']} calls, {total['turns']} turns: {total['changed']} changed{because}; "
        f"{total['kept']} calls known from before, {total['seconds']:.1f} s"
    )


def html(title: str, rows: Sequence[Row], checks: Sequence[Check] = ()) -> str:
    """Return a page with every turn as recorded and as decided today; broken and changed turns come first.

    rows: one for each replayed turn; checks: the expectations of golden calls, empty for a plain replay.
    """
    broken = {(check.call, check.turn): check for check in checks if check.broken}
    ordered = sorted(rows, key=lambda row: ((row["call"], row["turn"]) not in broken, not row["changed"]))
    return render(
        "replay.html",
        title=title,
        lines=[_line(row, broken.get((row["call"], row["turn"]))) for row in ordered],
        changed=sum(bool(row["changed"]) for row in rows),
        expectations=len(checks),
        broken=len(broken),
    )


def junit(suite: str, checks: Sequence[Check]) -> str:
    """Return golden calls as JUnit XML with a case for each expectation.

    suite: name of the set; checks: its expectations.
    """
    root = ElementTree.Element("testsuite", name=f"golden {suite}", tests=str(len(checks)),
                               failures=str(sum(check.broken for check in checks)))  # fmt: skip
    for check in checks:
        case = ElementTree.SubElement(root, "testcase", classname=check.call, name=f"turn {check.turn}")
        if check.broken:
            ElementTree.SubElement(case, "failure", message=_clean(check.why)).text = _clean(str(check))
    return _xml(root)


def junit_of_rows(rows: Sequence[Row], failed: Mapping[str, str]) -> str:
    """Return a replay as JUnit XML: a case for each turn, a failure for each change, an error for each failed call.

    rows: one for each turn; failed: error text by call ID.
    """
    changed = sum(bool(row["changed"]) for row in rows)
    root = ElementTree.Element("testsuite", name="replay", tests=str(len(rows) + len(failed)),
                               failures=str(changed), errors=str(len(failed)))  # fmt: skip
    for row in rows:
        case = ElementTree.SubElement(root, "testcase", classname=row["call"], name=f"turn {row['turn']}")
        if row["changed"]:
            before, now = cells(row)[2:]
            text = f"heard “{cells(row)[0]}”, now “{cells(row)[1]}”"
            ElementTree.SubElement(
                case, "failure", message=f"{because(row)}: {before} -> {now}"
            ).text = _clean(text)
    for call_id, error in failed.items():
        case = ElementTree.SubElement(root, "testcase", classname=call_id, name="replay")
        ElementTree.SubElement(case, "error", message=_clean(error))
    return _xml(root)


def because(row: Row) -> str:
    """Return what differs in a row, and why."""
    return ", ".join(f"{one['what']}: {'+'.join(one['reasons'])}" for one in row["differences"])


def _line(row: Row, broken: Check | None) -> dict[str, object]:
    return {
        "call": row["call"], "turn": row["turn"], "changed": row["changed"], "cells": cells(row),
        "broken": broken is not None, "why": broken.why if broken else because(row),
    }  # fmt: skip


def _heard(heard: Mapping[str, Any]) -> str:
    if "key" in heard:
        return f"key {heard['key']}"
    return heard["text"] or "(nothing)"


def _decided(decided: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (decided["decision"], decided["intent"], decided.get("other")))) or "-"


def _clean(text: str) -> str:
    """Return ``text`` without characters that XML does not allow."""
    return "".join(sign for sign in text if sign.isprintable() or sign in "\n\t")


def _xml(root: ElementTree.Element) -> str:
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
