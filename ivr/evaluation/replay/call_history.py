"""Reads the events of a recorded call as turns: prompts, the caller's action, and its outcome.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ivr.call.dialogue.caller import CallerReply, RecordedMessage
from ivr.content.intents import EMERGENCY
from ivr.content.phrases import Phrase
from ivr.core import events
from ivr.core.events import Stamped
from ivr.core.run_lengths import read_counts
from ivr.core.vocabulary import FaultPart, Party, TransferStatus
from ivr.nlu.classifier import Intent

CallerAction = events.Heard | events.KeyPressed | events.NothingHeard
"""An event that ends a question."""
SILENT_S = 0.6
"""Seconds of silence without which no turn ends."""


@dataclass(frozen=True)
class HistoryTurn:
    """One turn of the caller, as recorded.

    number: place in the call, from 1.
    part: number of its segment, from 0.
    at: time of the action, in seconds since 1970.
    t: the same in seconds since the answer.
    since: seconds since the answer from which the caller could be heard.
    action: what the caller did.
    asked: prompts before the action.
    understood, decided, chosen: the events that followed it.
    told: prompts after the action.
    leads_to: asks, transfers, hangs up, or empty when the caller left.
    goes_on: whether the caller stayed for the outcome.
    wait_s: waiting time announced before a transfer, in seconds.
    trace: what the listener noted of the turn, if it did.
    loaded: whether understanding failed or did not answer in time.
    """

    number: int
    part: int
    at: float
    t: float
    since: float
    action: CallerAction
    asked: tuple[events.Said, ...]
    understood: events.Understood | None = None
    decided: tuple[events.Decided, ...] = ()
    chosen: events.LanguageChosen | None = None
    told: tuple[events.Said, ...] = ()
    leads_to: str = ""
    goes_on: bool = True
    wait_s: float = 0.0
    trace: events.Listened | None = None
    loaded: bool = False

    @property
    def key(self) -> str:
        """The key or keys that the caller pressed."""
        return self.action.digit if isinstance(self.action, events.KeyPressed) else ""

    @property
    def speech(self) -> events.Heard | None:
        """What the caller said, or None."""
        return self.action if isinstance(self.action, events.Heard) else None

    @property
    def urgent(self) -> bool:
        """Whether an emergency word was heard: then understanding is not asked."""
        return self.understood is None and any(one.intent == EMERGENCY for one in self.decided)

    def heard(self) -> CallerReply:
        """Return the reply as the dialogue received it."""
        said = self.speech
        if said is None:
            return CallerReply(key=self.key)
        return CallerReply(
            text=said.text, lang=said.lang, confidence=said.confidence, intent=self.intent(),
            urgent=self.urgent, spoke=True,
        )  # fmt: skip

    def intent(self) -> Intent | None:
        """Return what was understood, with the two best intents that the events keep."""
        if self.understood is None:
            return None
        best = (self.understood.intent, self.understood.confidence)
        second = (self.understood.second, self.understood.second_confidence)
        return Intent(*best, (best, second) if second[0] else (best,))


@dataclass(frozen=True)
class CallSegment:
    """A part of the call within one worker: from the beginning, or from a return out of the dialplan.

    number: place in the call, from 0.
    turns: its turns.
    lang: the caller's language at its beginning, empty before it is chosen.
    status: how the transfer before it ended.
    seq: sequence number of its CallStarted.
    given_back: whether the dialplan returned the call; without a status after the loss of a worker.
    """

    number: int
    turns: tuple[HistoryTurn, ...]
    lang: str = ""
    status: TransferStatus = TransferStatus.LEAVING
    seq: int = 0
    given_back: bool = False


@dataclass(frozen=True)
class CallHistory:
    """One call.

    number: the caller's pseudonym.
    began: seconds since 1970.
    parts: its segments.
    recording: file of the recording below the state folder.
    seconds: its duration.
    frame_counts: number of captured frames, by the ``seq`` of their segment; empty when none were captured.
    """

    call_id: str
    number: str
    began: float
    parts: tuple[CallSegment, ...]
    recording: str = ""
    seconds: float = 0.0
    frame_counts: Mapping[int, int] = field(default_factory=dict)

    @property
    def turns(self) -> tuple[HistoryTurn, ...]:
        """All turns, numbered from 1."""
        return tuple(turn for part in self.parts for turn in part.turns)


def read(call_id: str, happened: Sequence[Stamped]) -> CallHistory:
    """Return the history of the call ``call_id``.

    happened: its stored events, in order.
    """
    starts = [index for index, item in enumerate(happened) if isinstance(item.event, events.CallStarted)]
    parts: list[CallSegment] = []
    lang = ""
    for place, start in enumerate(starts):
        end = starts[place + 1] if place + 1 < len(starts) else len(happened)
        segment = happened[start:end]
        first = sum(len(part.turns) for part in parts) + 1
        parts.append(_part(place, segment, lang, first))
        chosen = [item.event.lang for item in segment if isinstance(item.event, events.LanguageChosen)]
        lang = chosen[-1] if chosen else lang
    begun = [item.event for item in happened if isinstance(item.event, events.CallStarted)]
    kept = [item.event for item in happened if isinstance(item.event, events.RecordingKept)]
    ended = [item.event for item in happened if isinstance(item.event, events.CallFinished)]
    return CallHistory(
        call_id,
        number=begun[0].number if begun else "",
        began=happened[0].at if happened else 0.0,
        parts=tuple(parts),
        recording=kept[-1].file if kept else "",
        seconds=ended[-1].seconds if ended else 0.0,
        frame_counts=read_counts(kept[-1].ear) if kept else {},
    )


@dataclass
class _Open:
    """A turn while it is being read."""

    item: Stamped
    since: float
    asked: list[events.Said]
    understood: events.Understood | None = None
    decided: list[events.Decided] = field(default_factory=list)
    chosen: events.LanguageChosen | None = None
    told: list[events.Said] = field(default_factory=list)
    leads_to: str = ""
    goes_on: bool = False
    wait_s: float = 0.0
    trace: events.Listened | None = None
    loaded: bool = False


def _part(number: int, segment: Sequence[Stamped], lang: str, first: int) -> CallSegment:
    back = next(
        (item for item in segment if isinstance(item.event, events.HandOff) and item.event.status), None
    )
    given_back_as = TransferStatus.LEAVING
    if back is not None and isinstance(back.event, events.HandOff):
        given_back_as = back.event.status
    turns = [
        _turn(first + index, number, one)
        for index, one in enumerate(_opened(segment, back.t if back else 0.0))
    ]
    begun = segment[0].event
    given_back = isinstance(begun, events.CallStarted) and begun.part > 0
    return CallSegment(number, tuple(turns), lang, given_back_as, segment[0].seq, given_back)


def _opened(segment: Iterable[Stamped], since: float) -> Iterator[_Open]:
    """Yield each turn with the events that belong to it."""
    current: _Open | None = None
    said: list[events.Said] = []
    trace: events.Listened | None = None
    loaded = False
    for item in segment:
        event = item.event
        if isinstance(event, CallerAction):
            if current is not None:
                current.leads_to, current.goes_on = "asks", True
                yield current
            current, said = _Open(item, since, said, trace=trace, loaded=loaded), []
            since, trace, loaded = _over(item), None, False
        elif isinstance(event, events.Listened):
            trace = event
        elif isinstance(event, events.Fault) and event.part == FaultPart.NLU:
            loaded = True
        elif isinstance(event, events.Said):
            said.append(event)
            if current is not None:
                current.told.append(event)
        elif current is not None:
            _note(current, event)
    if current is not None:
        yield current


def _over(item: Stamped) -> float:
    """Return when the listener finished a turn; speech ends with its silence, however long decoding took."""
    heard = isinstance(item.event, events.Heard)
    return min(item.t, item.event.end_s + SILENT_S) if heard else item.t  # type: ignore[attr-defined]


def _note(turn: _Open, event: events.Event) -> None:
    match event:
        case events.Understood() if turn.understood is None:
            turn.understood = event
        case events.Decided():
            turn.decided.append(event)
        case events.LanguageChosen():
            turn.chosen = event
        case events.HandOff(status=TransferStatus.LEAVING):
            turn.leads_to, turn.goes_on = "transfers", True
        case events.Queued(told_s=told_s):
            turn.leads_to, turn.goes_on, turn.wait_s = "transfers", True, told_s
        case events.CallFinished(by=Party.SERVICE):
            turn.leads_to, turn.goes_on = "hangs up", True


def _turn(number: int, part: int, one: _Open) -> HistoryTurn:
    assert isinstance(one.item.event, CallerAction)
    return HistoryTurn(
        number, part, one.item.at, one.item.t, one.since, one.item.event, tuple(one.asked), one.understood,
        tuple(one.decided), one.chosen, tuple(one.told), one.leads_to, one.goes_on, one.wait_s,
        one.trace, one.loaded,
    )  # fmt: skip


def recorded_message(told: Sequence[events.Said]) -> RecordedMessage | None:
    """Return the message that the caller left, judged by the prompts after it.

    told: these prompts.
    Returns None when the caller hung up during the message.
    """
    for said in told:
        if said.key == Phrase.VOICEMAIL_FAILED:
            return RecordedMessage("then", 0.0, failed=True)
        if said.key == Phrase.VOICEMAIL_EMPTY:
            return RecordedMessage("then", 0.0)
        if said.key in (Phrase.VOICEMAIL_REVIEW, Phrase.VOICEMAIL_SENT):
            return RecordedMessage("then", 10.0)
    return None
