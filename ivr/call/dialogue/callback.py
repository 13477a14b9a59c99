"""Agreeing on a callback: the number is read back and confirmed, then a window is chosen.

What cannot be settled ends in a message.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from ivr.call.dialogue import number_words
from ivr.call.dialogue.callback_window import chosen, when
from ivr.call.dialogue.caller import CallbackRequest, Caller, CallerReply, PromptPart
from ivr.call.dialogue.phrase_prompts import PhrasePrompts
from ivr.content.bundle import Content
from ivr.content.callflow import Callflow, phone_numbers
from ivr.content.callflow.callback_windows import CallbackWindow, OpenOn, offered
from ivr.content.callflow.opening import intervals
from ivr.content.intents import ControlIntent
from ivr.content.phrases import Phrase, Phrases

TRIES = 2
"""How many times the caller is asked for a number, and for a window."""
MOST_KEYS = 20
"""Digits of the longest number (E.164 allows 15), with 00 before them."""
FEWEST = 6
"""Digits from which a reply is a number and no choice from a menu."""
YES = "1"
"""The key for yes; any other key means no."""
WAYS_OUT = (
    ControlIntent.HUMAN,
    ControlIntent.VOICEMAIL,
    ControlIntent.GOODBYE,
    ControlIntent.CHANGE_LANGUAGE,
)
"""Orders that end the request for a callback."""


@dataclass(frozen=True)
class CallbackContext:
    """What the request depends on beside the caller.

    callflow, phrases: rules of callbacks, and texts.
    key_words: names a key in a language.
    open_on: returns the opening hours of a day.
    now: the time at the office.
    topic: the intent that the caller last asked about, or empty.
    asked: returns how many callbacks a number (``+33...``) has asked for in the last 24 hours.
    elsewhere: returns how many callbacks of the last 24 hours go to other numbers than their callers'.
    in_this_call: callbacks that this call has been promised.
    """

    callflow: Callflow
    phrases: Phrases
    key_words: Callable[[str, str], str]
    open_on: OpenOn
    now: dt.datetime
    topic: str
    asked: Callable[[str], int]
    elsewhere: Callable[[], int]
    in_this_call: int

    @classmethod
    def of(cls, content: Content, topic: str, in_this_call: int) -> CallbackContext:
        """Return the context that ``content`` gives; ``topic``, ``in_this_call``: as above."""
        return cls(
            callflow=content.callflow,
            phrases=content.phrases,
            key_words=content.key_words,
            open_on=lambda day: intervals(content.callflow.hours, day),
            now=content.now(),
            topic=topic,
            asked=content.callbacks_asked,
            elsewhere=content.callbacks_elsewhere,
            in_this_call=in_this_call,
        )


@dataclass(frozen=True)
class CallbackResult:
    """What came of the request.

    agreed: whether a callback is promised.
    reply: what the caller said instead of an answer.
    lead: what to say before a message is taken, where there is neither.
    """

    agreed: bool = False
    reply: CallerReply | None = None
    lead: Phrase | None = None


class _Instead(Exception):
    """The caller has said something that is no answer to the question."""

    def __init__(self, reply: CallerReply) -> None:
        super().__init__("instead")
        self.reply = reply


class CallbackFlow:
    """One request, from the number to the promise.

    caller: who asks.  phrase: makes prompt parts of phrases.  context: what else the request depends on.
    """

    def __init__(self, caller: Caller, phrase: PhrasePrompts, context: CallbackContext) -> None:
        self._caller, self._phrase, self._context = caller, phrase, context
        self._lang = caller.lang
        self._home = phone_numbers.region_of_prefix(context.callflow.trunk.country)
        self._own = phone_numbers.e164(caller.number, [self._home])

    async def run(self) -> CallbackResult:
        """Settle number and window, and promise the callback.

        Raises CallerGone on a hang-up; a caller who has confirmed their number is called back all the same.
        """
        rules = self._context.callflow.callback
        if self._too_often(self._own) or self._context.in_this_call >= rules.per_call:
            return CallbackResult(lead=Phrase.CALLBACK_LIMIT)
        if not (self._may_call(self._own) or self._elsewhere_allowed()):
            return CallbackResult()
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
            return CallbackResult(reply=instead.reply)

    # the number

    async def _number(self) -> str:
        """A confirmed number that may be called; empty when there is none after all tries."""
        reply: CallerReply | None = None
        if self._may_call(self._own):
            reply = await self._offer_own()
            if reply is None:
                return self._own
        question = Phrase.CALLBACK_NUMBER
        for _ in range(TRIES):
            if reply is None or len(self._digits(reply)) < FEWEST:
                reply = await self._caller.ask(self._phrase(question), keys=MOST_KEYS)
            question, number = Phrase.CALLBACK_NUMBER_AGAIN, await self._one_reading(reply)
            reply = None
            if number and not (self._may_call(number) and (number == self._own or self._elsewhere_allowed())):
                await self._caller.say(self._phrase(Phrase.CALLBACK_NOT_CALLABLE))
            elif number:
                reply = await self._check(number)
                if reply is None:
                    return number
        return ""

    async def _offer_own(self) -> CallerReply | None:
        """Offer the number of the call.  None: yes; else the reply, which may hold another number."""
        ending = self._own[-4:]
        question = [self._phrase(Phrase.CALLBACK_OWN), *self._spoken((ending[:2], ending[2:]))]
        return await self._confirm(*question, self._phrase(Phrase.CALLBACK_OWN_ASK))

    async def _check(self, number: str) -> CallerReply | None:
        """Read the number back, digit by digit.  None: it is right; else the reply."""
        groups = self._spoken(self._groups(number))
        return await self._confirm(
            self._phrase(Phrase.CALLBACK_HEARD), *groups, self._phrase(Phrase.CALLBACK_CHECK)
        )

    async def _confirm(self, *question: PromptPart) -> CallerReply | None:
        """Ask, and once more after silence.  None: yes; else the reply."""
        reply = CallerReply()
        for _ in range(TRIES):
            reply = await self._caller.ask(*question)
            if not reply.silent:
                break
        self._only_about_numbers(reply)
        return None if self._is_yes(reply) else reply

    async def _one_reading(self, reply: CallerReply) -> str:
        """The number in words or keys (``+33...``), asked for with its country where several fit; else empty."""
        found = self._readings(reply)
        if len(found) > 1:
            again = await self._caller.ask(self._phrase(Phrase.CALLBACK_COUNTRY), keys=MOST_KEYS)
            found = self._readings(again)
        return found[0] if len(found) == 1 else ""

    def _readings(self, reply: CallerReply) -> tuple[str, ...]:
        """Every number that the words or keys may be."""
        found = self._digits(reply)
        if not found:
            self._only_about_numbers(reply)
        regions = [phone_numbers.region(self._own), self._home, *phone_numbers.HOMES[self._lang]]
        return phone_numbers.readings(found, dict.fromkeys(filter(None, regions)))

    def _digits(self, reply: CallerReply) -> str:
        return reply.key.strip("*#") if reply.key else number_words.said(reply.text, self._lang)

    def _only_about_numbers(self, reply: CallerReply) -> None:
        """Raise _Instead for an emergency or an order that leads elsewhere: the dialogue responds to these."""
        intent = reply.intent.name if reply.intent else ""
        sure = reply.intent is not None and reply.intent.confidence >= self._context.callflow.gate.control
        wants_out = sure and intent in WAYS_OUT
        if reply.urgent or (wants_out and not self._digits(reply)):
            raise _Instead(reply)

    # the window

    async def _promise(self, number: str, windows: list[CallbackWindow]) -> CallbackResult:
        """Settle the window and promise the callback; a caller who leaves before gets the first window."""
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
        promised = self._phrase(Phrase.CALLBACK_AGREED_WHEN, when=self._when(window))
        groups = self._spoken(self._groups(number))
        await self._caller.say(self._phrase(Phrase.CALLBACK_AGREED), _live(promised), *groups)
        return CallbackResult(agreed=True)

    async def _window(self, windows: list[CallbackWindow]) -> CallbackWindow | None:
        """The window that the caller chooses; the first one after silence or a yes; None after a no."""
        menu = [self._phrase(Phrase.CALLBACK_WHEN), *(self._option(*item) for item in enumerate(windows, 1))]
        for _ in range(TRIES):
            reply = await self._caller.ask(*menu)
            if reply.key.isdecimal() and 1 <= int(reply.key) <= len(windows):
                return windows[int(reply.key) - 1]
            self._only_about_numbers(reply)
            found = chosen(reply.text, windows, self._context.now, self._lang) if reply.text else None
            if found is not None:
                return found
            match reply.intent.name if reply.intent else "":
                case ControlIntent.YES:
                    return windows[0]
                case ControlIntent.NO:
                    return None
        return windows[0]

    def _option(self, place: int, window: CallbackWindow) -> PromptPart:
        key = self._context.key_words(str(place), self._lang)
        return _live(self._phrase(Phrase.CALLBACK_WINDOW, when=self._when(window), key=key))

    def _windows(self) -> list[CallbackWindow]:
        context, rules = self._context, self._context.callflow.callback
        return offered(
            context.open_on, context.now, notice=dt.timedelta(minutes=rules.notice_min),
            length=dt.timedelta(hours=rules.window_h),
        )  # fmt: skip

    def _when(self, window: CallbackWindow) -> str:
        return when(window, self._context.now, self._context.phrases, self._lang)

    # both

    def _note(self, number: str, window: CallbackWindow) -> None:
        self._caller.wants_callback(
            CallbackRequest(
                number, self._lang, window.start.timestamp(), window.end.timestamp(), self._context.topic
            )
        )

    def _may_call(self, number: str) -> bool:
        return bool(number) and self._context.callflow.callback.allows(number)

    def _elsewhere_allowed(self) -> bool:
        """Whether a number may be called that is not the calling one; who withholds theirs gets no such call."""
        return bool(self._caller.number) and (
            self._context.elsewhere() < self._context.callflow.callback.others_per_day
        )

    def _too_often(self, number: str) -> bool:
        return bool(number) and self._context.asked(number) >= self._context.callflow.callback.per_day

    def _is_yes(self, reply: CallerReply) -> bool:
        another = len(self._digits(reply)) >= FEWEST
        said_yes = reply.intent is not None and reply.intent.name == ControlIntent.YES
        return reply.key == YES or (said_yes and not another)

    def _groups(self, number: str) -> tuple[str, ...]:
        """The groups to read out: with the country code where the national form is a mobile's elsewhere, too."""
        doubtful = number != self._own and phone_numbers.mobile_elsewhere(
            number, phone_numbers.NEIGHBOURS[self._lang]
        )
        return phone_numbers.groups(number, "" if doubtful else self._home)

    def _spoken(self, groups: tuple[str, ...]) -> list[PromptPart]:
        """One part for each group: the pause between them is the one that people make."""
        ends = [*[","] * (len(groups) - 1), "."]
        return [
            PromptPart("number", number_words.spoken(group, self._lang) + end, self._lang, live=True)
            for group, end in zip(groups, ends, strict=True)
        ]


def _live(part: PromptPart) -> PromptPart:
    """The same part, rendered during the call."""
    return PromptPart(part.key, part.text, part.lang, live=True)
