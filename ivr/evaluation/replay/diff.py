"""Compares a recorded turn with its replay and names the part that caused each difference.  Pure.

One part after the other is replaced by today's.  The step at which the outcome changes names the reason::

    recorded outcome
      | today's thresholds, content and flow, with the recorded words and intent
      | today's intents, with the recorded words
      v today's recogniser and listener
    current outcome
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ivr.call.dialogue.caller import CallerReply
from ivr.content.intents import EMERGENCY
from ivr.core.text import normalise
from ivr.evaluation.replay.audio_replay import ReplayedTurn
from ivr.evaluation.replay.call_history import HistoryTurn
from ivr.evaluation.replay.dialogue_replay import ReplayOutcome, Told

LISTENER, RECOGNISER, INTENTS = "ear", "recogniser", "intents"
THRESHOLD, CONTENT, FLOW = "threshold", "content", "flow"
LOAD, LINE = "load", "line"


@dataclass(frozen=True)
class Difference:
    """One difference between the recorded and the replayed turn.

    what: heard, understood, decided or told.
    reasons: the parts that caused it, in the order in which they were replaced; at least one.
    """

    what: str
    reasons: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The first part that caused it."""
        return self.reasons[0]


@dataclass(frozen=True)
class DiffStep:
    """The outcome of one step, and the reply of the caller that led to it."""

    outcome: ReplayOutcome
    heard: CallerReply


@dataclass(frozen=True)
class Attribution:
    """The outcomes of a turn while its parts are replaced by today's.

    recorded: as the call went.
    rules: with today's thresholds, content and flow.
    meaning: with today's intents too, on the recorded words.
    current: with all of today's parts.
    listened: what today's listener and recogniser made of the audio.
    known: whether today's content has the recorded intent.
    """

    recorded: DiffStep
    rules: DiffStep
    meaning: DiffStep
    current: DiffStep
    listened: ReplayedTurn
    known: bool = True


@dataclass(frozen=True)
class ReplayReport:
    """A replayed turn of the call ``call``."""

    call: str
    turn: HistoryTurn
    attribution: Attribution
    differences: tuple[Difference, ...]

    @property
    def changed(self) -> bool:
        """Whether anything heard, understood, decided or said differs today."""
        return bool(self.differences)

    def row(self) -> dict[str, Any]:
        """Return the line of `ivr replay --json`."""
        current, recorded = self.attribution.current, self.attribution.recorded
        return {
            "call": self.call,
            "turn": self.turn.number,
            "t": round(self.turn.t, 2),
            "asked": [said.key for said in self.turn.asked],
            "heard": {
                "then": _heard(recorded.heard),
                "now": _heard(current.heard, self.attribution.listened.engine),
            },
            "understood": {"then": _understood(recorded.heard), "now": _understood(current.heard)},
            "decided": {"then": _decided(recorded.outcome), "now": _decided(current.outcome)},
            "told": {"then": _told(recorded.outcome), "now": _told(current.outcome)},
            "same_sound": self.attribution.listened.same_sound,
            "changed": self.changed,
            "differences": [asdict(one) | {"reason": one.reason} for one in self.differences],
        }


def differences(turn: HistoryTurn, attribution: Attribution) -> tuple[Difference, ...]:
    """Return what differs today, each with its reasons; empty when nothing does."""
    found: list[Difference] = []
    listener = LINE if attribution.listened.lost else LISTENER if _cut_otherwise(attribution) else RECOGNISER
    intents = LOAD if turn.loaded and attribution.recorded.heard.intent is None else INTENTS
    if _words(attribution.recorded.heard) != _words(attribution.current.heard):
        found.append(Difference("heard", (listener,)))
    if _intent(attribution.recorded.heard) != _intent(attribution.current.heard):
        by_model = _intent(attribution.meaning.heard) != _intent(attribution.recorded.heard)
        by_ear = _intent(attribution.meaning.heard) != _intent(attribution.current.heard)
        found.append(Difference("understood", tuple([intents] * by_model + [listener] * by_ear)))
    if attribution.recorded.outcome.decided != attribution.current.outcome.decided or _language(
        attribution.recorded
    ) != _language(attribution.current):
        found.append(Difference("decided", _reasons(attribution, listener, intents, _decision)))
    if not _same_told(turn, attribution.recorded.outcome, attribution.current.outcome):
        reasons = _reasons(attribution, listener, intents, lambda step: _said_by(turn, attribution, step))
        found.append(Difference("told", reasons))
    return tuple(found)


def summed(calls: int, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the summary line of `ivr replay --json`.

    calls: number of calls; rows: the rows of all their turns (``ReplayReport.row``).
    """
    reasons: dict[str, int] = {}
    whats: dict[str, int] = {}
    for row in rows:
        for one in {item["reason"] for item in row["differences"]}:
            reasons[one] = reasons.get(one, 0) + 1
        for item in row["differences"]:
            whats[item["what"]] = whats.get(item["what"], 0) + 1
    return {
        "summary": True,
        "calls": calls,
        "turns": len(rows),
        "changed": sum(row["changed"] for row in rows),
        "calls_changed": len({row["call"] for row in rows if row["changed"]}),
        "same_sound": sum(row["same_sound"] for row in rows),
        "differences": whats,
        "reasons": dict(sorted(reasons.items(), key=lambda pair: -pair[1])),
    }


def _cut_otherwise(attribution: Attribution) -> bool:
    """Whether the listener heard other audio than in the call, or speech where there was none."""
    recorded, current = attribution.recorded.heard, attribution.current.heard
    if attribution.listened.heard is None:  # the recording ended before the turn did
        return True
    if recorded.spoke != current.spoke or bool(recorded.key) != bool(current.key):
        return True
    return not attribution.listened.same_cut


def _reasons(attribution: Attribution, listener: str, intents: str, view: Any) -> tuple[str, ...]:
    """Return the steps at which ``view`` of the outcome changes."""
    found = []
    if view(attribution.recorded) != view(attribution.rules):
        found.append(_rule(attribution))
    if view(attribution.rules) != view(attribution.meaning):
        found.append(intents)
    if view(attribution.meaning) != view(attribution.current):
        found.append(listener)
    return tuple(found) or (FLOW,)


def _rule(attribution: Attribution) -> str:
    """Return which of today's rules changes the outcome of the recorded words and intent."""
    recorded, rules = attribution.recorded.outcome, attribution.rules.outcome
    if not attribution.known:
        return CONTENT
    if recorded.decided != rules.decided:
        before, after = recorded.decided[:1], rules.decided[:1]
        followed = before and after and before == after  # same verdict of the gate, another consequence
        return FLOW if followed or not before or not attribution.recorded.heard.spoke else THRESHOLD
    texts = {(told.key, told.text) for told in rules.told}
    keys = {told.key for told in rules.told}
    return (
        CONTENT
        if any(told.key in keys and (told.key, told.text) not in texts for told in recorded.told)
        else FLOW
    )


def _decision(step: DiffStep) -> object:
    return step.outcome.decided, _language(step)


def _said_by(turn: HistoryTurn, attribution: Attribution, step: DiffStep) -> object:
    """Return what was said, up to where the caller stopped listening."""
    whole = step.outcome.told
    told = whole[: len(attribution.recorded.outcome.told)] if _cut_short(turn) else whole
    return told, step.outcome.leads_to if turn.goes_on else ""


def _same_told(turn: HistoryTurn, recorded: ReplayOutcome, current: ReplayOutcome) -> bool:
    told: Sequence[Told] = current.told[: len(recorded.told)] if _cut_short(turn) else current.told
    same_way = not turn.goes_on or recorded.leads_to == current.leads_to
    return tuple(told) == recorded.told and same_way


def _cut_short(turn: HistoryTurn) -> bool:
    """Whether the caller did not hear all of it: they barged in or hung up."""
    return not turn.goes_on or any(said.interrupted for said in turn.told) or not turn.told


def _language(step: DiffStep) -> object:
    return step.outcome.language


def _words(heard: CallerReply) -> tuple[str, str]:
    return heard.key, normalise(heard.text)


def _intent(heard: CallerReply) -> str:
    return heard.intent.name if heard.intent else EMERGENCY if heard.urgent else ""


def _heard(heard: CallerReply, engine: str = "") -> dict[str, Any]:
    if heard.key:
        return {"key": heard.key}
    if not heard.spoke:
        return {"text": ""}
    found = {"text": heard.text, "lang": heard.lang, "confidence": round(heard.confidence, 3)}
    return found | ({"engine": engine} if engine else {})


def _understood(heard: CallerReply) -> dict[str, Any] | None:
    if heard.intent is None:
        return {"intent": EMERGENCY, "confidence": 1.0} if heard.urgent else None
    return {"intent": heard.intent.name, "confidence": round(heard.intent.confidence, 3)}


def _decided(outcome: ReplayOutcome) -> dict[str, Any]:
    decision, intent, other = outcome.last
    found = {"decision": decision or None, "intent": intent or None}
    return found | ({"other": other} if other else {})


def _told(outcome: ReplayOutcome) -> list[str]:
    return [told.key for told in outcome.told]
