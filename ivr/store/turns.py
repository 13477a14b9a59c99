"""A call's turns, derived from its events: what he said or pressed, what we made of it, what we said then.

Derived anew whenever an event of the call is written, so that order and repetition do not matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from ivr.core import events as kinds
from ivr.store.tables import turns

Turn = dict[str, Any]
EMPTY: Turn = {
    column.name: None if column.default is None else column.default.arg  # type: ignore[attr-defined]
    for column in turns.columns
}


def derive(story: Iterable[kinds.Stamped]) -> list[Turn]:
    """The rows of one call, whose events come in their order."""
    found: list[Turn] = []
    generation = 0
    for item in story:
        event = item.event
        if isinstance(event, kinds.CallStarted):
            generation = event.generation
        begun = _begun(item)
        if begun is not None:
            place = {"call_id": item.call_id, "n": len(found) + 1, "generation": generation}
            found.append(EMPTY | place | begun)
        elif isinstance(event, kinds.MouthToEar):
            spoken = [turn for turn in found if turn["kind"] == "speech"]
            if 0 < event.turn <= len(spoken):
                spoken[event.turn - 1]["mouth_to_ear_s"] = event.seconds
        elif found:
            found[-1] |= _added(event, found[-1])
    return found


_THERE = sa.select(turns).where(turns.c.call_id == sa.bindparam("this"))
_ONE = (turns.c.call_id == sa.bindparam("this")) & (turns.c.n == sa.bindparam("number"))
_INSERT, _UPDATE, _DELETE = turns.insert(), turns.update().where(_ONE), turns.delete().where(_ONE)


def store(connection: sa.Connection, call_id: str, story: Iterable[kinds.Stamped]) -> None:
    """Make the call's rows what its events say."""
    there = {row["n"]: dict(row) for row in connection.execute(_THERE, {"this": call_id}).mappings()}
    wanted = {turn["n"]: turn for turn in derive(story)}
    new = [turn for n, turn in wanted.items() if n not in there]
    if new:
        connection.execute(_INSERT, new)
    for n, turn in wanted.items():
        if n in there and there[n] != turn:
            connection.execute(_UPDATE, {"this": call_id, "number": n} | turn)
    for n in there.keys() - wanted.keys():
        connection.execute(_DELETE, {"this": call_id, "number": n})


def _begun(item: kinds.Stamped) -> Turn | None:
    """The turn that this event begins."""
    match item.event:
        case kinds.Heard() as heard:
            return {
                "kind": "speech", "heard": heard.text, "lang": heard.lang, "engine": heard.engine,
                "confidence": heard.confidence, "start_s": heard.start_s, "end_s": heard.end_s,
            }  # fmt: skip
        case kinds.KeyPressed(digit=digit):
            return {"kind": "key", "heard": digit, "start_s": item.t, "end_s": item.t}
        case kinds.NothingHeard(waited_s=waited_s):
            return {"kind": "silence", "start_s": round(max(0.0, item.t - waited_s), 3), "end_s": item.t}
    return None


def _added(event: kinds.Event, turn: Turn) -> Turn:
    """What this event tells about the turn before it."""
    match event:
        case kinds.Understood() as understood:
            return {
                "intent": understood.intent, "intent_confidence": understood.confidence,
                "second": understood.second, "second_confidence": understood.second_confidence,
            }  # fmt: skip
        case kinds.Decided(decision=decision, intent=intent):
            return {"decision": str(decision), "decided": intent}
        case kinds.Said() as said:
            return {
                "answer": _joined(turn["answer"], said.key)[:255],
                "answer_text": _joined(turn["answer_text"], said.text),
                "answer_s": said.start_s if turn["answer_s"] is None else turn["answer_s"],
                "lang": turn["lang"] or said.lang,
            }
    return {}


def _joined(*parts: str) -> str:
    return " ".join(filter(None, parts))
