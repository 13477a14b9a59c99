"""Today's dialogue, led down a call's recorded way to any of its turns, to see what it makes of that turn.

Up to the turn in question the dialogue is given what was heard then and the verdicts of then: so a decision that
falls otherwise today does not carry the rest of the call into another conversation.  From there on it is free, until
it asks its next question or lets the caller go.  A dialogue costs microseconds: each turn gets a fresh one.
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
from ivr.evaluation.replay.audio_replay import AskedQuestion
from ivr.evaluation.replay.call_history import CallHistory, CallSegment, HistoryTurn, message_then
from ivr.nlu.classifier import Intent
from ivr.nlu.gate import Verdict

KEYED = "0140205050"
"""Stands for a number that a caller gave: the record does not keep it."""
LISTENS_S = 0.3
"""So long before his first sound we listen at the latest."""
LETTERS_PER_S = 14.0
"""Pace of speech, for prompts that nobody heard to their end."""

HearTurn = Callable[[AskedQuestion], Awaitable[CallerReply | None]]


class Enough(CallEnded):
    """What was to be seen has been seen."""


@dataclass(frozen=True)
class Told:
    """Something said: the phrase or intent, and its words."""

    key: str
    text: str


@dataclass(frozen=True)
class ReplayOutcome:
    """What came of a turn: the decisions noted, the language, what was said, and what follows.

    ``leads_to``: asks, transfers, hangs up, or nothing when the caller left before.
    """

    decided: tuple[tuple[str, str, str], ...] = ()
    language: tuple[str, str] | None = None
    told: tuple[Told, ...] = ()
    leads_to: str = ""

    @property
    def last(self) -> tuple[str, str, str]:
        """The decision that counts: the last one, else the language; (decision, intent, other)."""
        if self.decided:
            return self.decided[-1]
        return ("language", self.language[0], "") if self.language else ("", "", "")


def then(turn: HistoryTurn) -> ReplayOutcome:
    """What came of it in the recorded call."""
    return ReplayOutcome(
        tuple((one.decision, one.intent, one.other) for one in turn.decided),
        (turn.chosen.lang, turn.chosen.how) if turn.chosen else None,
        tuple(dict.fromkeys(Told(said.key, said.text) for said in turn.told)),
        turn.leads_to,
    )


class DialogueReplayer:
    """Leads one call."""

    def __init__(self, story: CallHistory, office: Content, moment: dt.datetime | None = None) -> None:
        self._story, self._office, self._moment = story, office, moment

    async def outcome(self, turn: HistoryTurn, ear: HearTurn) -> ReplayOutcome:
        """What today's dialogue does in the state of ``turn`` with what ``ear`` hears."""
        part = self._story.parts[turn.part]
        index = part.turns.index(turn)
        moment = self._moment or dt.datetime.fromtimestamp(turn.at, self._office.callflow.hours.zone)
        office = dataclasses.replace(self._office, now=lambda: moment)
        caller = _LedCaller(self._number(), part, index, ear, office.callflow)
        gate = gate_policy(caller, office)
        dialogue = Dialogue(
            caller, office, lambda reply, reprompts: caller.verdict_then() or gate(reply, reprompts)
        )
        try:
            await (dialogue.returned(part.status) if part.status else self._begin(dialogue, part))
        except CallEnded:
            pass
        return ReplayOutcome(
            tuple(caller.decisions), caller.chosen, tuple(dict.fromkeys(caller.told)), caller.leads_to
        )

    async def _begin(self, dialogue: Dialogue, part: CallSegment) -> None:
        await (dialogue.resumed(apologised=part.given_back) if part.lang else dialogue.run())

    def _number(self) -> str:
        """A number that hears the menu in the order of then: the record keeps a pseudonym of his own."""
        first = next(
            (said.lang for turn in self._story.turns for said in turn.asked if said.key == Phrase.WELCOME), ""
        )
        flow = self._office.callflow
        if any(said.key == Phrase.CALLBACK_OWN for turn in self._story.turns for said in turn.told):
            return _callable(first or str(flow.order("")[0]))
        if first and flow.order(self._story.number)[0] != first:
            entry = flow.languages.get(first)
            return str(entry.prefixes[0]) + "00000000" if entry and entry.prefixes else ""
        return self._story.number


class _LedCaller:
    """Says what was heard then; at the turn in question what is heard now."""

    def __init__(
        self, number: str, part: CallSegment, target: int, ear: HearTurn, callflow: Callflow
    ) -> None:
        self.number, self.lang = number, part.lang
        self.decisions: list[tuple[str, str, str]] = []
        self.chosen: tuple[str, str] | None = None
        self.told: list[Told] = []
        self.leads_to = ""
        self._part, self._target, self._ear, self._callflow = part, target, ear, callflow
        self._next = 0
        self._waiting: list[PromptPart] = []  # said to its end before the question
        self._anew = False

    @property
    def with_us_s(self) -> float:
        """The recorded call's length is judged by nobody."""
        return 0.0

    @property
    def _free(self) -> bool:
        return self._next > self._target

    def verdict_then(self) -> Verdict | None:
        """What the gate said then; None at the turn in question."""
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
            raise Enough
        return await self._turn(parts, tuple(langs) or (self.lang,), keys)

    async def tell(self, *parts: PromptPart) -> CallerReply | None:
        self._tell(parts)
        if not self._cut_into(parts):
            self._leave_then(parts)
            self._waiting += parts
            return None
        if self._free:  # the next turn began here
            self.leads_to = "asks"
            raise Enough
        heard = await self._turn(parts, (self.lang,), no_input_s=FRAME_S)
        return None if heard.silent else heard

    async def say(self, *parts: PromptPart) -> None:
        self._tell(parts)
        self._leave_then(parts)
        self._waiting += parts

    def _leave_then(self, parts: Sequence[PromptPart]) -> None:
        """He hung up while this was said: what is decided after it nobody knows of the call of then."""
        turn = self._part.turns[self._target]
        if not self._free or turn.goes_on or not turn.told or len(self.decisions) < len(turn.decided):
            return
        if turn.told[-1].key in {part.key for part in parts}:
            raise CallerGone

    async def _turn(
        self,
        parts: Sequence[PromptPart],
        langs: tuple[str, ...],
        keys: int = 1,
        no_input_s: float | None = None,
    ) -> CallerReply:
        """The next turn of the call: as it was then or, if it is the one in question, as it is heard now."""
        if self._next >= len(self._part.turns):  # today's dialogue asks more often
            raise CallerGone
        turn = self._part.turns[self._next]
        self._next += 1
        if not self._free:
            self._waiting, self._anew = [], False
            return heard_then(turn)
        heard = await self._ear(self._question(turn, parts, langs, keys, no_input_s))
        if heard is None:
            raise CallerGone
        return heard

    def _cut_into(self, parts: Sequence[PromptPart]) -> bool:
        """Whether the next turn came while this was said, or before its first sound, and not in answer to something
        later.
        """
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
            message = message_then(self._part.turns[0].asked if self._part.turns else ())
        else:
            message = message_then(self._part.turns[self._next - 1].told)
        if message is None:
            if self._free and self._part.turns[self._target].goes_on:
                return RecordedMessage("now", 10.0)  # then nothing was recorded here
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
        """How it looked at the desk, by what became of the caller."""
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
        """The question with the times of then: when it began, how long it would have lasted."""
        mine = {part.key for part in parts}
        asked = [said for said in turn.asked if said.key in mine]
        if asked:
            delay = max(0.0, asked[0].start_s - turn.since)
            known = {said.key: said.length_s for said in asked}
        else:
            delay, known = sum(_length(part) for part in self._waiting), {}
        if (
            turn.speech is not None
        ):  # clocks differ where this machine was late: he was listened to when he spoke
            delay = min(delay, max(0.0, turn.speech.start_s - turn.since - LISTENS_S))
        speaks = sum(known.get(part.key, _length(part)) for part in parts) + 0.18 * (len(parts) - 1)
        if asked and not any(said.interrupted for said in asked):
            speaks = _end(asked) - asked[0].start_s
        return AskedQuestion(Question(langs, keys, no_input_s), self.lang, delay, speaks, self._anew)


def heard_then(turn: HistoryTurn) -> CallerReply:
    """What the dialogue is given to take the way of then."""
    if turn.key == WITHHELD_NUMBER:
        return CallerReply(key=KEYED)
    heard = turn.heard()
    if heard.text == WITHHELD_NUMBER:
        return CallerReply(key=KEYED)
    first = turn.decided[0] if turn.decided else None
    if first and first.decision == Decision.ANSWER and not turn.urgent and heard.intent is not None:
        if first.intent != heard.intent.name:  # the second of two close subjects
            return dataclasses.replace(heard, intent=Intent.of([(first.intent, 1.0)]))
    return heard


def _verdict(turn: HistoryTurn) -> Verdict:
    """The gate's verdict of then, from what was decided."""
    if not turn.decided:
        return Verdict(Decision.REPROMPT)
    first = turn.decided[0]
    intent = first.intent if first.decision != Decision.HANDOFF else Verdict(Decision.HANDOFF).intent
    return Verdict(Decision(first.decision), intent, first.other or None)


def _waits(told_s: float, callflow: Callflow) -> float:
    """Seconds of waiting of which he is told ``told_s``: the limit stands for longer than that."""
    return told_s + 1 if told_s >= callflow.handoff.wait_s else told_s


def _nobody(turn: HistoryTurn) -> bool:
    """Whether he was told that nobody is there, even if he did not stay for more."""
    return any(said.key == Phrase.HANDOFF_FAILED for said in turn.told)


def _callable(lang: str) -> str:
    """A number that may be called back, of a country where that language is spoken."""
    example = phonenumbers.example_number_for_type(
        phone_numbers.HOME[lang], phonenumbers.PhoneNumberType.MOBILE
    )
    assert example is not None  # each of these countries has one
    return phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)


def _length(part: PromptPart) -> float:
    return len(part.text) / LETTERS_PER_S


def _end(asked: Sequence[Said]) -> float:
    return max(said.start_s + said.length_s for said in asked)
