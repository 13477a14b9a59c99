"""Leads today's dialogue to any turn of a recorded call, to see its outcome there.

Up to the target turn the dialogue receives the recorded replies and verdicts.  So a decision that differs today does
not turn the rest of the call into another conversation.  From there on it is free, until it asks its next question
or lets the caller go.  A dialogue costs microseconds: each turn gets a new one.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import phonenumbers

from ivr.call.audio.exchange import Question
from ivr.call.audio.turn_detector import FRAME_S
from ivr.call.dialogue.caller import CallbackRequest, CallerReply, PromptPart, RecordedMessage
from ivr.call.dialogue.handoff import TransferTarget
from ivr.call.dialogue.policy import gate_policy
from ivr.call.dialogue.script import Dialogue
from ivr.content.bundle import Content
from ivr.content.callflow import Callflow, phone_numbers
from ivr.content.callflow.wait_estimate import WaitEstimate
from ivr.content.phrases import Phrase
from ivr.core.errors import CallEnded, CallerGone, LeftToDialplan
from ivr.core.events import WITHHELD_NUMBER, Said
from ivr.core.vocabulary import Decision, LanguageSource, PersonReason
from ivr.evaluation.replay.audio_replay import AskedQuestion, ReplayedTurn
from ivr.evaluation.replay.call_history import CallHistory, CallSegment, HistoryTurn, recorded_message
from ivr.nlu.classifier import Intent
from ivr.nlu.gate import Verdict

STAND_IN_NUMBER = "0140205050"
"""Used for a number that the caller gave: the events withhold it."""
LISTENS_S = 0.3
"""Seconds before the caller's first sound at which the dialogue listens at the latest."""
LETTERS_PER_S = 14.0
"""Pace of speech, for prompts that did not play to their end."""

HearTurn = Callable[[AskedQuestion], Awaitable[ReplayedTurn]]
"""Hears the turn in question as the answer to a question of today's dialogue."""


class OutcomeReached(CallEnded):
    """Ends the dialogue once the outcome of the target turn is known."""


@dataclass(frozen=True)
class Told:
    """A prompt: the key of its phrase or intent, and its words."""

    key: str
    text: str


@dataclass(frozen=True)
class ReplayOutcome:
    """The outcome of a turn.

    decided: (decision, intent, other intent) of each decision.
    language: the language chosen and how, if one was.
    told: prompts played.
    leads_to: asks, transfers, hangs up, or empty when the caller left before.
    """

    decided: tuple[tuple[str, str, str], ...] = ()
    language: tuple[str, str] | None = None
    told: tuple[Told, ...] = ()
    leads_to: str = ""

    @property
    def last(self) -> tuple[str, str, str]:
        """The decision that counts: the last one, else the choice of a language; (decision, intent, other)."""
        if self.decided:
            return self.decided[-1]
        return ("language", self.language[0], "") if self.language else ("", "", "")


def recorded_outcome(turn: HistoryTurn) -> ReplayOutcome:
    """Return the outcome of ``turn`` in the recorded call."""
    return ReplayOutcome(
        tuple((one.decision, one.intent, one.other) for one in turn.decided),
        (turn.chosen.lang, turn.chosen.how) if turn.chosen else None,
        tuple(dict.fromkeys(Told(said.key, said.text) for said in turn.told)),
        turn.leads_to,
    )


class DialogueReplayer:
    """Leads dialogues through one call.

    history: the call; content: today's content.
    moment: the time at which the dialogue runs; by default the time of each turn.
    """

    def __init__(self, history: CallHistory, content: Content, moment: dt.datetime | None = None) -> None:
        self._history, self._content, self._moment = history, content, moment

    async def outcome(self, turn: HistoryTurn, hear: HearTurn) -> tuple[ReplayOutcome, ReplayedTurn]:
        """Return what today's dialogue does at ``turn``, and what ``hear`` heard there.

        turn: a turn of the call.
        hear: called at most once, with the question of today's dialogue.
        """
        part = self._history.parts[turn.part]
        index = part.turns.index(turn)
        moment = self._moment or dt.datetime.fromtimestamp(turn.at, self._content.callflow.hours.zone)
        content = dataclasses.replace(self._content, now=lambda: moment)
        caller = _RecordedCaller(self._number(), part, index, hear, content.callflow)
        gate = gate_policy(caller, content)
        dialogue = Dialogue(
            caller, content, lambda reply, reprompts: caller.recorded_verdict() or gate(reply, reprompts)
        )
        try:
            await (dialogue.returned(part.status) if part.status else self._begin(dialogue, part))
        except CallEnded:
            pass
        outcome = ReplayOutcome(
            tuple(caller.decisions), caller.chosen, tuple(dict.fromkeys(caller.told)), caller.leads_to
        )
        return outcome, caller.listened

    async def _begin(self, dialogue: Dialogue, part: CallSegment) -> None:
        await (dialogue.resumed(apologised=part.given_back) if part.lang else dialogue.run())

    def _number(self) -> str:
        """Return a number whose menu has the recorded order of languages: events keep only a pseudonym."""
        first = next(
            (said.lang for turn in self._history.turns for said in turn.asked if said.key == Phrase.WELCOME),
            "",
        )
        flow = self._content.callflow
        if any(said.key == Phrase.CALLBACK_OWN for turn in self._history.turns for said in turn.told):
            return _callable(first or str(flow.order("")[0]))
        if first and flow.order(self._history.number)[0] != first:
            entry = flow.languages.get(first)
            return str(entry.prefixes[0]) + "00000000" if entry and entry.prefixes else ""
        return self._history.number


class _RecordedCaller:
    """Gives the recorded replies, and at the target turn the reply that is heard today."""

    def __init__(
        self, number: str, part: CallSegment, target: int, hear: HearTurn, callflow: Callflow
    ) -> None:
        self.number, self.lang = number, part.lang
        self.decisions: list[tuple[str, str, str]] = []
        self.chosen: tuple[str, str] | None = None
        self.told: list[Told] = []
        self.leads_to = ""
        self.listened = ReplayedTurn(None)
        self._part, self._target, self._hear, self._callflow = part, target, hear, callflow
        self._next = 0
        self._waiting: list[PromptPart] = []  # played to their end before the question
        self._anew = False

    @property
    def with_us_s(self) -> float:
        """Always 0: a replay ignores the limits on the length of a call and on the time without progress."""
        return 0.0

    @property
    def _free(self) -> bool:
        return self._next > self._target

    def recorded_verdict(self) -> Verdict | None:
        """Return the recorded verdict of the gate; None at the target turn."""
        if self._free or not self._next:
            return None
        return _verdict(self._part.turns[self._next - 1])

    async def ask(
        self,
        *parts: PromptPart,
        langs: Sequence[str] = (),
        keys: int = 1,
        after: RecordedMessage | None = None,
    ) -> CallerReply:
        if self._free:
            self._tell(parts)
            self.leads_to = "asks"
            raise OutcomeReached
        return await self._next_turn(parts, tuple(langs) or (self.lang,), keys)

    async def tell(self, *parts: PromptPart) -> CallerReply | None:
        self._tell(parts)
        if not self._cut_into(parts):
            self._hang_up_as_recorded(parts)
            self._waiting += parts
            return None
        if self._free:  # the next turn began here
            self.leads_to = "asks"
            raise OutcomeReached
        heard = await self._next_turn(parts, (self.lang,), no_input_s=FRAME_S)
        return None if heard.silent else heard

    async def say(self, *parts: PromptPart) -> None:
        self._tell(parts)
        self._hang_up_as_recorded(parts)
        self._waiting += parts

    def _hang_up_as_recorded(self, parts: Sequence[PromptPart]) -> None:
        """Hang up if the caller did so during these prompts: the call has no decisions after them."""
        turn = self._part.turns[self._target]
        if not self._free or turn.goes_on or not turn.told or len(self.decisions) < len(turn.decided):
            return
        if turn.told[-1].key in {part.key for part in parts}:
            raise CallerGone

    async def _next_turn(
        self,
        parts: Sequence[PromptPart],
        langs: tuple[str, ...],
        keys: int = 1,
        no_input_s: float | None = None,
    ) -> CallerReply:
        """Return the next reply: as recorded, or as heard today if it is that of the target turn."""
        if self._next >= len(self._part.turns):  # today's dialogue asks more often than the recorded one
            raise CallerGone
        turn = self._part.turns[self._next]
        self._next += 1
        if not self._free:
            self._waiting, self._anew = [], False
            return recorded_reply(turn)
        self.listened = await self._hear(self._question(turn, parts, langs, keys, no_input_s))
        if self.listened.heard is None:
            raise CallerGone
        return self.listened.heard

    def _cut_into(self, parts: Sequence[PromptPart]) -> bool:
        """Whether the next turn came during these prompts or before their first sound, not after later ones."""
        rest = self._part.turns[self._next :]
        if not rest:
            return False
        if not rest[0].asked:
            return not self._waiting
        return rest[0].asked[-1].key in {part.key for part in parts}

    async def speaks(self, lang: str, how: LanguageSource) -> None:
        self.lang = lang
        if self._free:
            self.chosen = (lang, how)

    async def decided(self, decision: Decision, intent: str, other: str = "") -> None:
        if self._free:
            self.decisions.append((str(decision), intent, other))

    async def record(self, lang: str, *before: PromptPart) -> RecordedMessage:
        self._tell(before)
        if not self._next:
            message = recorded_message(self._part.turns[0].asked if self._part.turns else ())
        else:
            message = recorded_message(self._part.turns[self._next - 1].told)
        if message is None:
            if self._free and self._part.turns[self._target].goes_on:
                return RecordedMessage("now", 10.0)  # the recorded call has no message here
            raise CallerGone
        self._waiting, self._anew = [], True
        return message

    async def keep(self, message: RecordedMessage) -> None:
        pass

    async def discard(self, message: RecordedMessage) -> None:
        pass

    async def refuse_recording(self) -> None:
        pass

    def wants_callback(self, request: CallbackRequest) -> None:
        pass

    def wants_person(self, why: PersonReason) -> None:
        pass

    async def estimate_wait(self, priority: int = 0) -> WaitEstimate | None:
        """Return the wait at the time of the call, judged by what became of the caller."""
        turn = self._part.turns[min(self._next, self._target + 1) - 1] if self._next else None
        if turn is None or turn.leads_to != "transfers":
            return WaitEstimate(0) if turn is not None and (turn.goes_on or _nobody(turn)) else None
        return WaitEstimate(1, _waits(turn.wait_s, self._callflow))

    async def transfer(self, target: TransferTarget) -> None:
        self.leads_to = "transfers"
        raise LeftToDialplan

    async def hang_up(self) -> None:
        self.leads_to = "hangs up"
        raise CallerGone

    def _tell(self, parts: Sequence[PromptPart]) -> None:
        if self._free:
            self.told += [
                Told(one.key, WITHHELD_NUMBER if one.key == "number" else one.text) for one in parts
            ]

    def _question(
        self,
        turn: HistoryTurn,
        parts: Sequence[PromptPart],
        langs: tuple[str, ...],
        keys: int,
        no_input_s: float | None,
    ) -> AskedQuestion:
        """Return the question with its recorded times: its beginning, and the whole duration of its prompt."""
        mine = {part.key for part in parts}
        asked = [said for said in turn.asked if said.key in mine]
        if asked:
            delay = max(0.0, asked[0].start_s - turn.since)
            known = {said.key: said.length_s for said in asked}
        else:
            delay, known = sum(_length(part) for part in self._waiting), {}
        if turn.speech is not None:  # clocks differ on a slow machine: it listened when the caller spoke
            delay = min(delay, max(0.0, turn.speech.start_s - turn.since - LISTENS_S))
        speaks = sum(known.get(part.key, _length(part)) for part in parts) + 0.18 * (len(parts) - 1)
        if asked and not any(said.interrupted for said in asked):
            speaks = _end(asked) - asked[0].start_s
        return AskedQuestion(Question(langs, keys, no_input_s), self.lang, delay, speaks, self._anew)


def recorded_reply(turn: HistoryTurn) -> CallerReply:
    """Return the reply that leads today's dialogue the recorded way through ``turn``."""
    if turn.key == WITHHELD_NUMBER:
        return CallerReply(key=STAND_IN_NUMBER)
    heard = turn.heard()
    if heard.text == WITHHELD_NUMBER:
        return CallerReply(key=STAND_IN_NUMBER)
    first = turn.decided[0] if turn.decided else None
    if first and first.decision == Decision.ANSWER and not turn.urgent and heard.intent is not None:
        if first.intent != heard.intent.name:  # the second of two close topics
            return dataclasses.replace(heard, intent=Intent.of([(first.intent, 1.0)]))
    return heard


def _verdict(turn: HistoryTurn) -> Verdict:
    """Return the recorded verdict of the gate, derived from the decisions."""
    if not turn.decided:
        return Verdict(Decision.REPROMPT)
    first = turn.decided[0]
    intent = first.intent if first.decision != Decision.HANDOFF else Verdict(Decision.HANDOFF).intent
    return Verdict(Decision(first.decision), intent, first.other or None)


def _waits(told_s: float, callflow: Callflow) -> float:
    """Return the wait in seconds that is announced as ``told_s``; the limit means a longer one."""
    return told_s + 1 if told_s >= callflow.handoff.wait_s else told_s


def _nobody(turn: HistoryTurn) -> bool:
    """Whether the caller was told that nobody is available, even if they hung up then."""
    return any(said.key == Phrase.HANDOFF_FAILED for said in turn.told)


def _callable(lang: str) -> str:
    """Return a number that may be called back, of a country where ``lang`` is spoken."""
    example = phonenumbers.example_number_for_type(
        phone_numbers.HOME[lang], phonenumbers.PhoneNumberType.MOBILE
    )
    assert example is not None  # each of these countries has one
    return phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)


def _length(part: PromptPart) -> float:
    return len(part.text) / LETTERS_PER_S


def _end(asked: Sequence[Said]) -> float:
    return max(said.start_s + said.length_s for said in asked)
