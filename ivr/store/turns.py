"""A call's turns, derived from its events: what the caller said or pressed, how it was understood, the answer.

They are derived anew whenever an event of the call is written, so that order and repetition do not matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import sqlalchemy as sa

from ivr.core import events as kinds
from ivr.store.rows import TurnRow
from ivr.store.tables import turns

LONGEST_ANSWER = 255
"""Characters of the column ``answer``."""


def derive(story: Iterable[kinds.Stamped]) -> list[TurnRow]:
    """The turns of one call; ``story`` holds its events in their order."""
    found: list[TurnRow] = []
    generation = 0
    for item in story:
        event = item.event
        if isinstance(event, kinds.CallStarted):
            generation = event.generation
        begun = _begun(item, len(found) + 1, generation)
        if begun is not None:
            found.append(begun)
        elif isinstance(event, kinds.MouthToEar):
            spoken = [place for place, turn in enumerate(found) if turn.kind == "speech"]
            if 0 < event.turn <= len(spoken):
                place = spoken[event.turn - 1]
                found[place] = replace(found[place], mouth_to_ear_s=event.seconds)
        elif found:
            found[-1] = _added(event, found[-1])
    return found


_STORED = sa.select(turns).where(turns.c.call_id == sa.bindparam("this"))
_ONE = (turns.c.call_id == sa.bindparam("this")) & (turns.c.n == sa.bindparam("number"))
_INSERT, _UPDATE, _DELETE = turns.insert(), turns.update().where(_ONE), turns.delete().where(_ONE)


def store(connection: sa.Connection, call_id: str, story: Iterable[kinds.Stamped]) -> None:
    """Make the stored turns of a call those that its events tell."""
    stored = {row["n"]: TurnRow(**row) for row in connection.execute(_STORED, {"this": call_id}).mappings()}
    wanted = {turn.n: turn for turn in derive(story)}
    new = [vars(turn) for n, turn in wanted.items() if n not in stored]
    if new:
        connection.execute(_INSERT, new)
    for n, turn in wanted.items():
        if n in stored and stored[n] != turn:
            connection.execute(_UPDATE, {"this": call_id, "number": n} | vars(turn))
    for n in stored.keys() - wanted.keys():
        connection.execute(_DELETE, {"this": call_id, "number": n})


def _begun(item: kinds.Stamped, n: int, generation: int) -> TurnRow | None:
    """The turn number ``n`` if this event begins one."""
    match item.event:
        case kinds.Heard() as heard:
            return TurnRow(
                item.call_id, n, "speech", heard.start_s, heard.end_s, heard.lang, heard.text, heard.engine,
                heard.confidence, generation=generation,
            )  # fmt: skip
        case kinds.KeyPressed(digit=digit):
            return TurnRow(item.call_id, n, "key", item.t, item.t, heard=digit, generation=generation)
        case kinds.NothingHeard(waited_s=waited_s):
            start_s = round(max(0.0, item.t - waited_s), 3)
            return TurnRow(item.call_id, n, "silence", start_s, item.t, generation=generation)
    return None


def _added(event: kinds.Event, turn: TurnRow) -> TurnRow:
    """The turn with what a later event tells about it."""
    match event:
        case kinds.Understood() as understood:
            return replace(
                turn, intent=understood.intent, intent_confidence=understood.confidence,
                second=understood.second, second_confidence=understood.second_confidence,
            )  # fmt: skip
        case kinds.Decided(decision=decision, intent=intent):
            return replace(turn, decision=str(decision), decided=intent)
        case kinds.Said() as said:
            return replace(
                turn,
                answer=_joined(turn.answer, said.key)[:LONGEST_ANSWER],
                answer_text=_joined(turn.answer_text, said.text),
                answer_s=said.start_s if turn.answer_s is None else turn.answer_s,
                lang=turn.lang or said.lang,
            )
    return turn


def _joined(*parts: str) -> str:
    return " ".join(filter(None, parts))
