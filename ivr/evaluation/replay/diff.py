"""Then and now: what differs in a turn, and which part made it differ.  Pure but for the walk's own dialogues.

From then to now one part at a time is swapped, and the step at which the outcome changes names the reason::

    what was decided then
      | today's thresholds, content and flow, with what was heard and understood then
      | today's intents, with the words of then
      v today's recogniser and ear
    what is decided now
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

EAR, RECOGNISER, INTENTS = "ear", "recogniser", "intents"
THRESHOLD, CONTENT, FLOW = "threshold", "content", "flow"
LOAD, LINE = "load", "line"


@dataclass(frozen=True)
class Difference:
    """``what``: heard, understood, decided or told; ``reasons`` in the order of the walk."""

    what: str
    reasons: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The first of them."""
        return self.reasons[0]


@dataclass(frozen=True)
class DiffStep:
    """One stage of the walk: the outcome with some parts of then and some of now."""

    outcome: ReplayOutcome
    heard: CallerReply


@dataclass(frozen=True)
class Attribution:
    """A turn's way from then to now.

    ``rules``: today's thresholds, content and flow on what was heard and understood then; ``meaning``: today's
    intents too, on the words of then; ``now``: all of today.  ``known``: whether today's content knows the intent
    of then.
    """

    then: DiffStep
    rules: DiffStep
    meaning: DiffStep
    now: DiffStep
    listened: ReplayedTurn
    known: bool = True


@dataclass(frozen=True)
class ReplayReport:
    """A turn, then and now."""

    call: str
    turn: HistoryTurn
    walk: Attribution
    differences: tuple[Difference, ...]

    @property
    def changed(self) -> bool:
        """Whether anything that was heard, understood, decided or said is another today."""
        return bool(self.differences)

    def row(self) -> dict[str, Any]:
        """The line of `ivr replay --json`."""
        now, then = self.walk.now, self.walk.then
        return {
            "call": self.call,
            "turn": self.turn.number,
            "t": round(self.turn.t, 2),
            "asked": [said.key for said in self.turn.asked],
            "heard": {"then": _heard(then.heard), "now": _heard(now.heard, self.walk.listened.engine)},
            "understood": {"then": _understood(then.heard), "now": _understood(now.heard)},
            "decided": {"then": _decided(then.outcome), "now": _decided(now.outcome)},
            "told": {"then": _told(then.outcome), "now": _told(now.outcome)},
            "same_sound": self.walk.listened.same_sound,
            "changed": self.changed,
            "differences": [asdict(one) | {"reason": one.reason} for one in self.differences],
        }


def differences(turn: HistoryTurn, walk: Attribution) -> tuple[Difference, ...]:
    """What is another today, and why."""
    found: list[Difference] = []
    ear = LINE if walk.listened.lost else EAR if _cut_otherwise(walk) else RECOGNISER
    intents = LOAD if turn.loaded and walk.then.heard.intent is None else INTENTS
    if _words(walk.then.heard) != _words(walk.now.heard):
        found.append(Difference("heard", (ear,)))
    if _intent(walk.then.heard) != _intent(walk.now.heard):
        by_model = _intent(walk.meaning.heard) != _intent(walk.then.heard)
        by_ear = _intent(walk.meaning.heard) != _intent(walk.now.heard)
        found.append(Difference("understood", tuple([intents] * by_model + [ear] * by_ear)))
    if walk.then.outcome.decided != walk.now.outcome.decided or _language(walk.then) != _language(walk.now):
        found.append(Difference("decided", _reasons(walk, ear, intents, _decision)))
    if not _same_told(turn, walk.then.outcome, walk.now.outcome):
        reasons = _reasons(walk, ear, intents, lambda step: _said_by(turn, walk, step))
        found.append(Difference("told", reasons))
    return tuple(found)


def summed(calls: int, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The last line of `ivr replay`: counts over the rows of so many calls."""
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


def _cut_otherwise(walk: Attribution) -> bool:
    """Whether the ear heard another stretch than then, or speech where there was none."""
    then, now = walk.then.heard, walk.now.heard
    if walk.listened.heard is None:  # it waits for more than the recording has
        return True
    return then.spoke != now.spoke or bool(then.key) != bool(now.key) or not walk.listened.same_cut


def _reasons(walk: Attribution, ear: str, intents: str, view: Any) -> tuple[str, ...]:
    """The steps at which the view of the outcome changes."""
    found = []
    if view(walk.then) != view(walk.rules):
        found.append(_rule(walk))
    if view(walk.rules) != view(walk.meaning):
        found.append(intents)
    if view(walk.meaning) != view(walk.now):
        found.append(ear)
    return tuple(found) or (FLOW,)


def _rule(walk: Attribution) -> str:
    """Which rule of today makes another outcome of what was heard and understood then."""
    then, rules = walk.then.outcome, walk.rules.outcome
    if not walk.known:
        return CONTENT
    if then.decided != rules.decided:
        before, after = then.decided[:1], rules.decided[:1]
        followed = before and after and before == after  # the gate agrees, what it led to does not
        return FLOW if followed or not before or not walk.then.heard.spoke else THRESHOLD
    texts = {(told.key, told.text) for told in rules.told}
    keys = {told.key for told in rules.told}
    return (
        CONTENT
        if any(told.key in keys and (told.key, told.text) not in texts for told in then.told)
        else FLOW
    )


def _decision(step: DiffStep) -> object:
    return step.outcome.decided, _language(step)


def _said_by(turn: HistoryTurn, walk: Attribution, step: DiffStep) -> object:
    """What was said, cut to what the caller stayed to hear."""
    whole = step.outcome.told
    told = whole[: len(walk.then.outcome.told)] if _cut_short(turn) else whole
    return told, step.outcome.leads_to if turn.goes_on else ""


def _same_told(turn: HistoryTurn, then: ReplayOutcome, now: ReplayOutcome) -> bool:
    told: Sequence[Told] = now.told[: len(then.told)] if _cut_short(turn) else now.told
    same_way = not turn.goes_on or then.leads_to == now.leads_to
    return tuple(told) == then.told and same_way


def _cut_short(turn: HistoryTurn) -> bool:
    """Whether the caller did not hear all of it: he spoke into it, or hung up."""
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
