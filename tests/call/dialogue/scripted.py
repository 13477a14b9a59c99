"""A ``Caller`` who follows a script and records what they were told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from ivr.call.dialogue.caller import CallbackRequest, CallerReply, PromptPart, RecordedMessage
from ivr.call.dialogue.handoff import TransferTarget
from ivr.call.dialogue.prompt_list import answers, sentences
from ivr.call.dialogue.script import Dialogue
from ivr.content.bundle import Content
from ivr.content.callflow import RecordingSettings, Spare, load_callflow
from ivr.content.callflow.wait_estimate import WaitEstimate
from ivr.content.faq import load_faq
from ivr.content.keywords import load_emergency, load_urgency
from ivr.content.languages import LanguageNames
from ivr.content.phrases import load_phrases
from ivr.core.errors import CallEnded, CallerGone, LeftToDialplan
from ivr.nlu.classifier import Intent
from tests.conftest import ROOT

LANGS = ("fr", "en", "es", "de", "it")
KEYS = dict(zip(LANGS, "12345", strict=True))

_callflow, _phrases = load_callflow(ROOT), load_phrases(ROOT)
_faq = load_faq(ROOT, _phrases)
_names, _emergency, _urgency = LanguageNames.load(ROOT), load_emergency(ROOT), load_urgency(ROOT)
QUIET = _callflow.model_copy(update={"recording": RecordingSettings(notice=False)})
RENDERED = set(sentences(_callflow, _faq, _phrases))
RENDERED_SLOWLY = set(answers(_callflow, _faq))


def make_content(now: str = "2026-11-24T10:00", *, notice: bool = False) -> Content:
    """Return the real content of the checkout with a fixed time in Paris; the default is a Tuesday.

    ``notice``: whether the recording notice is said; most scripts leave it out.
    """
    moment = dt.datetime.fromisoformat(now).replace(tzinfo=_callflow.hours.zone)
    return Content(
        callflow=_callflow if notice else QUIET,
        faq=_faq,
        phrases=_phrases,
        names=_names,
        emergency=_emergency,
        urgency=_urgency,
        now=lambda: moment,
    )


NIGHT = "2026-11-24T22:30"


def with_on_call() -> Content:
    """The same content with a telephone that rings when no adviser is there."""
    content = make_content()
    callflow = content.callflow.model_copy(update={"on_call": Spare(endpoint="oncall")})
    return replace(content, callflow=callflow)


# what a caller can do


@dataclass(frozen=True)
class Leaves:
    """The caller speaks after the beep for so many seconds; ``failed``: recording fails."""

    seconds: float
    failed: bool = False


@dataclass(frozen=True)
class CutsIn:
    """The caller barges in with this."""

    heard: CallerReply


SILENCE = CallerReply()
INTERNAL = "1234"
"""The number of a telephone that shows one, which nobody can be called back at."""
NOTHING = Leaves(0.0)
Turn = CallerReply | Leaves | CutsIn
T = TypeVar("T", CallerReply, Leaves, CutsIn)


def key(digit: str) -> CallerReply:
    """The caller presses a key."""
    return CallerReply(key=digit)


def says(
    intent: str, *, sure: float = 0.95, text: str = "", lang: str = "", heard: float = 0.9
) -> CallerReply:
    """The caller says something that means ``intent``; ``sure``, ``heard``: confidence of intent and recogniser."""
    return _means([(intent, sure)], text or f"({intent})", lang, heard)


def between(one: str, other: str, *, lang: str = "") -> CallerReply:
    """The caller says something that may mean either."""
    return _means([(one, 0.46), (other, 0.44)], f"({one} {other})", lang, 0.9)


def speaks(text: str) -> CallerReply:
    """The caller says something out of scope."""
    return _means([("oos", 0.9)], text, "", 0.9)


def mumbles() -> CallerReply:
    """The caller says words without meaning."""
    return _means([("oos", 0.9)], "blah", "", 0.9)


def cries(text: str = "ambulance", lang: str = "") -> CallerReply:
    """The caller uses an emergency word."""
    return CallerReply(text=text, lang=lang, confidence=0.9, urgent=True, spoke=True)


def names(text: str) -> CallerReply:
    """The caller names a language; the intent is of no use."""
    return _means([("oos", 0.6)], text, "", 0.9)


def _means(best: list[tuple[str, float]], text: str, lang: str, heard: float) -> CallerReply:
    rest = 1.0 - sum(score for _, score in best)
    others = [(name, rest / 10) for name in _faq.intents if name not in dict(best)][:10]
    return CallerReply(text=text, lang=lang, confidence=heard, intent=Intent.of([*best, *others]), spoke=True)


# what happens


@dataclass
class Story:
    """A whole call, by the keys of what was said.

    ``said``: one string for each prompt.  ``end``: hang-up (by the caller), goodbye (by the service), or transfer.
    """

    said: list[str] = field(default_factory=list)
    parts: list[PromptPart] = field(default_factory=list)
    langs: list[tuple[str, str]] = field(default_factory=list)
    offered: list[tuple[str, ...]] = field(default_factory=list)
    decided: list[tuple[str, str]] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)
    discarded: list[float] = field(default_factory=list)
    played_back: list[float] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    requests: list[CallbackRequest] = field(default_factory=list)
    refused: int = 0
    end: str = ""
    wanted: list[str] = field(default_factory=list)
    target: TransferTarget | None = None

    def text(self, name: str) -> str:
        """The words of the last prompt part with that key."""
        return next(part.text for part in reversed(self.parts) if part.key == name)


TURN_S = 10.0
"""Seconds that each turn of a script takes."""


FREE = WaitEstimate(staffed=1)
"""An adviser is free."""


class ScriptedCaller:
    """Follows a script and hangs up at its end."""

    def __init__(self, turns: Sequence[Turn], number: str = "", lang: str = "") -> None:
        self.number, self.lang = number, lang
        self.story = Story()
        self._turns = list(turns)
        self._messages: dict[str, float] = {}
        self.with_us_s = 0.0
        self.desk: WaitEstimate | None = FREE

    async def ask(
        self,
        *parts: PromptPart,
        langs: Sequence[str] = (),
        keys: int = 1,
        after: RecordedMessage | None = None,
    ) -> CallerReply:
        if after is not None:
            self.story.played_back.append(self._messages[after.name])
        self._say(parts)
        self.with_us_s += TURN_S
        self.story.keys.append(keys)
        self.story.offered.append(tuple(langs) or (self.lang,))
        turn = self._next(CallerReply)
        return replace(turn, lang=turn.lang or self.lang) if turn.spoke else turn

    async def say(self, *parts: PromptPart) -> None:
        self._say(parts)

    async def tell(self, *parts: PromptPart) -> CallerReply | None:
        self._say(parts)
        if self._turns and isinstance(self._turns[0], CutsIn):
            cut = self._next(CutsIn).heard
            return replace(cut, lang=cut.lang or self.lang) if cut.spoke else cut
        return None

    async def speaks(self, lang: str, how: str) -> None:
        self.lang = lang
        self.story.langs.append((lang, how))

    async def decided(self, decision: str, intent: str, other: str = "") -> None:
        self.story.decided.append((str(decision), intent))

    async def record(self, lang: str, *before: PromptPart) -> RecordedMessage:
        self._say(before)
        turn = self._next(Leaves)
        message = RecordedMessage(f"message{len(self._messages)}", turn.seconds, turn.failed)
        self._messages[message.name] = turn.seconds
        return message

    async def keep(self, message: RecordedMessage) -> None:
        self.story.kept.append(self._messages.pop(message.name))

    async def discard(self, message: RecordedMessage) -> None:
        self.story.discarded.append(self._messages.pop(message.name))

    async def refuse_recording(self) -> None:
        self.story.refused += 1

    def wants_callback(self, request: CallbackRequest) -> None:
        self.story.requests.append(request)

    def wants_person(self, why: str) -> None:
        self.story.wanted.append(why)

    async def estimate_wait(self, priority: int = 0) -> WaitEstimate | None:
        return self.desk

    async def transfer(self, target: TransferTarget) -> None:
        self.story.end = f"transfer {target.lang}"
        self.story.target = target
        raise LeftToDialplan

    async def hang_up(self) -> None:
        self.story.end = "goodbye"
        raise CallerGone

    def _next(self, wanted: type[T]) -> T:
        if not self._turns:
            self.story.end = "hang-up"
            raise CallerGone
        turn = self._turns.pop(0)
        assert isinstance(turn, wanted), f"{turn} is no reply to {self.story.said[-1]}"
        return turn

    def _say(self, parts: Sequence[PromptPart]) -> None:
        assert parts, "nothing was said"
        assert not parts[0].live, "a silence, while it is rendered"
        for part in parts:
            if part.live:
                continue
            rendered = RENDERED_SLOWLY if part.slow else RENDERED
            assert (part.text, part.lang) in rendered, f"not rendered in advance: {part}"
        self.story.said.append(" ".join(part.key for part in parts))
        self.story.parts += parts


async def call(
    *turns: Turn, at: Content | None = None, number: str = INTERNAL, desk: WaitEstimate | None = FREE
) -> Story:
    """Run a new call; ``desk``: the estimated wait for an adviser."""
    caller = ScriptedCaller(turns, number)
    caller.desk = desk
    dialogue = Dialogue(caller, at or make_content())
    try:
        await dialogue.run()
    except CallEnded:
        return caller.story
    raise AssertionError("the conversation just stopped")


async def back_from_adviser(
    status: str, *turns: Turn, lang: str = "fr", at: Content | None = None, so_far: str = ""
) -> Story:
    """Run a call that the dialplan gives back with this status; ``so_far``: from its earlier conversation."""
    caller = ScriptedCaller(turns, lang=lang)
    dialogue = Dialogue(caller, at or make_content())
    dialogue.carry(so_far)
    try:
        await dialogue.returned(status)
    except CallEnded:
        return caller.story
    raise AssertionError("the conversation just stopped")
