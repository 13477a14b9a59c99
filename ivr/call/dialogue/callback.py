"""Asking for a callback: the number, read back and confirmed; then the window; what cannot be settled so is left
as a message.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ivr.call.dialogue import number_words
from ivr.call.dialogue.callback_window import chosen, when
from ivr.call.dialogue.caller import CallbackRequest, Caller, CallerReply, PromptPart
from ivr.content.callflow import Callflow, phone_numbers
from ivr.content.callflow.callback_windows import CallbackWindow, OpenOn, offered
from ivr.content.intents import ControlIntent
from ivr.content.phrases import Phrase, Phrases

TRIES = 2
"""So often he is asked for a number, and for a window."""
MOST_KEYS = 20
"""Digits of the longest number there is (E.164 has 15), with 00 before them."""
FEWEST = 6
"""So many digits are a number and no choice from a menu."""
YES = "1"
"""Any other key means no."""
WAYS_OUT = (
    ControlIntent.HUMAN,
    ControlIntent.VOICEMAIL,
    ControlIntent.GOODBYE,
    ControlIntent.CHANGE_LANGUAGE,
)
"""Orders that end the request for a callback."""


class CallbackPhrases(Protocol):
    """Phrases in the caller's language, as pieces."""

    def piece(self, name: Phrase, lang: str = "", /, **fields: str) -> PromptPart: ...


@dataclass(frozen=True)
class CallbackContext:
    """What is known beside the caller: the office's time, its hours, what he last asked about, and how often a
    number has asked for a callback today.
    """

    callflow: Callflow
    phrases: Phrases
    key_words: Callable[[str, str], str]
    open_on: OpenOn
    now: dt.datetime
    topic: str
    asked: Callable[[str], int]


@dataclass(frozen=True)
class CallbackResult:
    """How it went: ``agreed``; or he said something else instead (``turn``); or neither: a message is due, to
    which the phrase ``lead`` leads over.
    """

    agreed: bool = False
    turn: CallerReply | None = None
    lead: Phrase | None = None


class _Instead(Exception):
    """He said something that is no answer to our question."""

    def __init__(self, turn: CallerReply) -> None:
        self.turn = turn


class CallbackFlow:
    """One request, from the number to the promise."""

    def __init__(self, caller: Caller, words: CallbackPhrases, terms: CallbackContext) -> None:
        self._caller, self._words, self._terms = caller, words, terms
        self._lang = caller.lang
        self._home = phone_numbers.region_of_prefix(terms.callflow.trunk.country)
        self._own = phone_numbers.e164(caller.number, [self._home])

    async def run(self) -> CallbackResult:
        """Raises CallerGone when he hangs up; one who had confirmed his number is called back all the same."""
        if self._too_often(self._own):
            return CallbackResult(lead=Phrase.CALLBACK_LIMIT)
        windows = self._windows()
        if not windows:
            return CallbackResult()
        try:
            number = await self._number()
            if not number:
                return CallbackResult(lead=Phrase.CALLBACK_FAILED)
            if self._too_often(number):
                return CallbackResult(lead=Phrase.CALLBACK_LIMIT)
            return await self._promise(number, windows)
        except _Instead as instead:
            return CallbackResult(turn=instead.turn)

    # the number

    async def _number(self) -> str:
        """A number that he has confirmed and that we may call; empty when there is none after all tries."""
        heard: CallerReply | None = None
        if self._may_call(self._own):
            heard = await self._offer_own()
            if heard is None:
                return self._own
        question = Phrase.CALLBACK_NUMBER
        for _ in range(TRIES):
            if heard is None or len(self._digits(heard)) < FEWEST:
                heard = await self._caller.ask(self._piece(question), keys=MOST_KEYS)
            question, number = Phrase.CALLBACK_NUMBER_AGAIN, self._read(heard)
            heard = None
            if number and not self._may_call(number):
                await self._caller.say(self._piece(Phrase.CALLBACK_NOT_CALLABLE))
            elif number:
                heard = await self._check(number)
                if heard is None:
                    return number
        return ""

    async def _offer_own(self) -> CallerReply | None:
        """The number he calls from.  None: yes.  Else what he said, which may hold another number."""
        ending = self._own[-4:]
        question = [self._piece(Phrase.CALLBACK_OWN), *self._spoken((ending[:2], ending[2:]))]
        return await self._confirm(*question, self._piece(Phrase.CALLBACK_OWN_ASK))

    async def _check(self, number: str) -> CallerReply | None:
        """Read it back, digit by digit.  None: it is right.  Else what he said."""
        groups = self._spoken(phone_numbers.groups(number, self._home))
        return await self._confirm(
            self._piece(Phrase.CALLBACK_HEARD), *groups, self._piece(Phrase.CALLBACK_CHECK)
        )

    async def _confirm(self, *question: PromptPart) -> CallerReply | None:
        """Ask once more when he says nothing.  None: yes; else what he said."""
        heard = CallerReply()
        for _ in range(TRIES):
            heard = await self._caller.ask(*question)
            if not heard.silent:
                break
        self._only_about_numbers(heard)
        return None if self._is_yes(heard) else heard

    def _read(self, heard: CallerReply) -> str:
        """The number in his words or keys, ``+33...``; empty when it is none."""
        found = self._digits(heard)
        if not found:
            self._only_about_numbers(heard)
        regions = [phone_numbers.region(self._own), self._home, phone_numbers.HOME[self._lang]]
        return phone_numbers.e164(found, dict.fromkeys(filter(None, regions)))

    def _digits(self, heard: CallerReply) -> str:
        return heard.key.strip("*#") if heard.key else number_words.said(heard.text, self._lang)

    def _only_about_numbers(self, heard: CallerReply) -> None:
        """Raises _Instead for a cry for help, a person, a goodbye: the conversation answers these."""
        intent = heard.intent.name if heard.intent else ""
        sure = heard.intent is not None and heard.intent.confidence >= self._terms.callflow.gate.control
        wants_out = sure and intent in WAYS_OUT
        if heard.urgent or (wants_out and not self._digits(heard)):
            raise _Instead(heard)

    # the window

    async def _promise(self, number: str, windows: list[CallbackWindow]) -> CallbackResult:
        """Settle the window and promise the call.  One who leaves before is called in the first window."""
        try:
            window = await self._window(windows)
        except _Instead:
            raise
        except BaseException:
            self._note(number, windows[0])
            raise
        if window is None:
            return CallbackResult()
        self._note(number, window)
        promised = self._piece(Phrase.CALLBACK_AGREED_WHEN, when=self._when(window))
        groups = self._spoken(phone_numbers.groups(number, self._home))
        await self._caller.say(self._piece(Phrase.CALLBACK_AGREED), _live(promised), *groups)
        return CallbackResult(agreed=True)

    async def _window(self, windows: list[CallbackWindow]) -> CallbackWindow | None:
        """The one he chooses; the first for one who says nothing or only yes; None when none suits him."""
        menu = [self._piece(Phrase.CALLBACK_WHEN), *(self._option(*item) for item in enumerate(windows, 1))]
        for _ in range(TRIES):
            heard = await self._caller.ask(*menu)
            if heard.key.isdecimal() and 1 <= int(heard.key) <= len(windows):
                return windows[int(heard.key) - 1]
            self._only_about_numbers(heard)
            found = chosen(heard.text, windows, self._terms.now, self._lang) if heard.text else None
            if found is not None:
                return found
            match heard.intent.name if heard.intent else "":
                case ControlIntent.YES:
                    return windows[0]
                case ControlIntent.NO:
                    return None
        return windows[0]

    def _option(self, place: int, window: CallbackWindow) -> PromptPart:
        key = self._terms.key_words(str(place), self._lang)
        return _live(self._piece(Phrase.CALLBACK_WINDOW, when=self._when(window), key=key))

    def _windows(self) -> list[CallbackWindow]:
        terms, rules = self._terms, self._terms.callflow.callback
        return offered(
            terms.open_on, terms.now, notice=dt.timedelta(minutes=rules.notice_min),
            length=dt.timedelta(hours=rules.window_h),
        )  # fmt: skip

    def _when(self, window: CallbackWindow) -> str:
        return when(window, self._terms.now, self._terms.phrases, self._lang)

    # both

    def _note(self, number: str, window: CallbackWindow) -> None:
        self._caller.wants_callback(
            CallbackRequest(
                number, self._lang, window.start.timestamp(), window.end.timestamp(), self._terms.topic
            )
        )

    def _may_call(self, number: str) -> bool:
        return bool(number) and self._terms.callflow.callback.allows(number)

    def _too_often(self, number: str) -> bool:
        return bool(number) and self._terms.asked(number) >= self._terms.callflow.callback.per_day

    def _is_yes(self, heard: CallerReply) -> bool:
        another = len(self._digits(heard)) >= FEWEST
        said_yes = heard.intent is not None and heard.intent.name == ControlIntent.YES
        return heard.key == YES or (said_yes and not another)

    def _spoken(self, groups: tuple[str, ...]) -> list[PromptPart]:
        """One piece a group: the pause between them is the one people make."""
        ends = [*[","] * (len(groups) - 1), "."]
        return [
            PromptPart("number", number_words.spoken(group, self._lang) + end, self._lang, live=True)
            for group, end in zip(groups, ends, strict=True)
        ]

    def _piece(self, name: Phrase, **fields: str) -> PromptPart:
        return self._words.piece(name, **fields)


def _live(piece: PromptPart) -> PromptPart:
    """It is made up during the call: not rendered in advance."""
    return PromptPart(piece.key, piece.text, piece.lang, live=True)
