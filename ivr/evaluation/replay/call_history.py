"""The events of a recorded call as turns: what was said, what the caller did, what came of it.  Pure."""

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

Doing = events.Heard | events.KeyPressed | events.NothingHeard
"""What ends a question of ours."""


SILENT_S = 0.6
"""No turn ends before so much silence (seconds)."""


@dataclass(frozen=True)
class HistoryTurn:
    """One turn of the caller as it was.  Times are seconds since the answer, ``at`` since 1970.

    ``since``: from here on he could be heard.  ``asked``: what was said to him before, ``told`` after it.
    ``goes_on``: whether he stayed to hear what came of it; ``leads_to``: asks, transfers, hangs up.
    ``wait_s``: the waiting time he was told on his way to a person.  ``course``: what the ear went by.
    ``loaded``: understanding failed then, or did not answer in time.
    """

    number: int
    part: int
    at: float
    t: float
    since: float
    doing: Doing
    asked: tuple[events.Said, ...]
    understood: events.Understood | None = None
    decided: tuple[events.Decided, ...] = ()
    chosen: events.LanguageChosen | None = None
    told: tuple[events.Said, ...] = ()
    leads_to: str = ""
    goes_on: bool = True
    wait_s: float = 0.0
    course: events.Listened | None = None
    loaded: bool = False

    @property
    def key(self) -> str:
        """The key or keys he pressed."""
        return self.doing.digit if isinstance(self.doing, events.KeyPressed) else ""

    @property
    def speech(self) -> events.Heard | None:
        """What he said."""
        return self.doing if isinstance(self.doing, events.Heard) else None

    @property
    def urgent(self) -> bool:
        """Whether an emergency word was heard: understanding is not asked then."""
        return self.understood is None and any(one.intent == EMERGENCY for one in self.decided)

    def heard(self) -> CallerReply:
        """As the dialogue was given it."""
        said = self.speech
        if said is None:
            return CallerReply(key=self.key)
        return CallerReply(
            text=said.text, lang=said.lang, confidence=said.confidence, intent=self.intent(),
            urgent=self.urgent, spoke=True,
        )  # fmt: skip

    def intent(self) -> Intent | None:
        """What was understood; the events keep the two best."""
        if self.understood is None:
            return None
        best = (self.understood.intent, self.understood.confidence)
        second = (self.understood.second, self.understood.second_confidence)
        return Intent(*best, (best, second) if second[0] else (best,))


@dataclass(frozen=True)
class CallSegment:
    """A stretch of the call in one worker: from its beginning, or from a return (``status``) on.

    ``lang`` is the caller's language at its beginning, ``seq`` the number of its CallStarted; ``given_back`` by the
    dialplan, without a status where a worker had been lost.
    """

    number: int
    turns: tuple[HistoryTurn, ...]
    lang: str = ""
    status: TransferStatus = TransferStatus.LEAVING
    seq: int = 0
    given_back: bool = False


@dataclass(frozen=True)
class CallHistory:
    """One call.  ``ear``: frames of what the ear got, by the ``seq`` of their part; empty where that was not kept."""

    call_id: str
    number: str
    began: float
    parts: tuple[CallSegment, ...]
    recording: str = ""
    seconds: float = 0.0
    ear: Mapping[int, int] = field(default_factory=dict)

    @property
    def turns(self) -> tuple[HistoryTurn, ...]:
        """All turns, numbered from 1."""
        return tuple(turn for part in self.parts for turn in part.turns)


def read(call_id: str, happened: Sequence[Stamped]) -> CallHistory:
    """The story that the events tell."""
    starts = [index for index, item in enumerate(happened) if isinstance(item.event, events.CallStarted)]
    parts: list[CallSegment] = []
    lang = ""
    for place, start in enumerate(starts):
        end = starts[place + 1] if place + 1 < len(starts) else len(happened)
        stretch = happened[start:end]
        first = sum(len(part.turns) for part in parts) + 1
        parts.append(_part(place, stretch, lang, first))
        chosen = [item.event.lang for item in stretch if isinstance(item.event, events.LanguageChosen)]
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
        ear=read_counts(kept[-1].ear) if kept else {},
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
    course: events.Listened | None = None
    loaded: bool = False


def _part(number: int, stretch: Sequence[Stamped], lang: str, first: int) -> CallSegment:
    back = next(
        (item for item in stretch if isinstance(item.event, events.HandOff) and item.event.status), None
    )
    given_back_as = TransferStatus.LEAVING
    if back is not None and isinstance(back.event, events.HandOff):
        given_back_as = back.event.status
    turns = [
        _turn(first + index, number, one)
        for index, one in enumerate(_opened(stretch, back.t if back else 0.0))
    ]
    begun = stretch[0].event
    given_back = isinstance(begun, events.CallStarted) and begun.part > 0
    return CallSegment(number, tuple(turns), lang, given_back_as, stretch[0].seq, given_back)


def _opened(stretch: Iterable[Stamped], since: float) -> Iterator[_Open]:
    """Each turn with what belongs to it."""
    now: _Open | None = None
    said: list[events.Said] = []
    course: events.Listened | None = None
    loaded = False
    for item in stretch:
        event = item.event
        if isinstance(event, Doing):
            if now is not None:
                now.leads_to, now.goes_on = "asks", True
                yield now
            now, said = _Open(item, since, said, course=course, loaded=loaded), []
            since, course, loaded = _over(item), None, False
        elif isinstance(event, events.Listened):
            course = event
        elif isinstance(event, events.Fault) and event.part == FaultPart.NLU:
            loaded = True
        elif isinstance(event, events.Said):
            said.append(event)
            if now is not None:
                now.told.append(event)
        elif now is not None:
            _note(now, event)
    if now is not None:
        yield now


def _over(item: Stamped) -> float:
    """When the ear was through with a turn: of speech as soon as it was silent, however long decoding took."""
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
    assert isinstance(one.item.event, Doing)
    return HistoryTurn(
        number, part, one.item.at, one.item.t, one.since, one.item.event, tuple(one.asked), one.understood,
        tuple(one.decided), one.chosen, tuple(one.told), one.leads_to, one.goes_on, one.wait_s,
        one.course, one.loaded,
    )  # fmt: skip


def message_then(told: Sequence[events.Said]) -> RecordedMessage | None:
    """The message that he left after this, by what was said next; None: he hung up in the midst of it."""
    for said in told:
        if said.key == Phrase.VOICEMAIL_FAILED:
            return RecordedMessage("then", 0.0, failed=True)
        if said.key == Phrase.VOICEMAIL_EMPTY:
            return RecordedMessage("then", 0.0)
        if said.key in (Phrase.VOICEMAIL_REVIEW, Phrase.VOICEMAIL_SENT):
            return RecordedMessage("then", 10.0)
    return None
