"""Leaving a message: beep, record, and let the caller listen, record again or send."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ivr.call.dialogue.caller import Caller, CallerReply, RecordedMessage
from ivr.call.dialogue.phrase_prompts import PhrasePrompts
from ivr.content.callflow import ReviewKeys
from ivr.content.intents import ControlIntent
from ivr.content.phrases import Phrase

SHORTEST_S = 1.0
"""A recording shorter than this (seconds) holds no message."""
TRIES = 4
"""How many times a message is recorded, and played back, at most."""


@dataclass(frozen=True)
class MessageResult:
    """Whether a message was left; ``reply``: the emergency that was heard during the review."""

    sent: bool
    reply: CallerReply | None = None


class _Choice(StrEnum):
    SEND = "send"
    AGAIN = "again"


async def leave_message(
    caller: Caller, phrase: PhrasePrompts, keys: ReviewKeys, intro: Phrase = Phrase.VOICEMAIL_INTRO
) -> MessageResult:
    """Take one message; a caller who hangs up has left what they said.

    phrase: makes prompt parts of phrases.  keys: to listen, record again and send.  intro: said before the beep.
    """
    for tries_left in reversed(range(TRIES)):
        message = await caller.record(caller.lang, phrase(intro))
        if message.failed:
            await caller.say(phrase(Phrase.VOICEMAIL_FAILED))
            return MessageResult(False)
        if message.seconds < SHORTEST_S:
            await caller.discard(message)
            await caller.say(phrase(Phrase.VOICEMAIL_EMPTY))
            continue
        choice = await _review(caller, phrase, keys, message)
        if choice is _Choice.AGAIN and tries_left:
            await caller.discard(message)
            continue
        await caller.keep(message)
        if isinstance(choice, CallerReply):
            return MessageResult(True, choice)
        await caller.say(phrase(Phrase.VOICEMAIL_SENT))
        return MessageResult(True)
    return MessageResult(False)


async def _review(
    caller: Caller, phrase: PhrasePrompts, keys: ReviewKeys, message: RecordedMessage
) -> _Choice | CallerReply:
    """Ask whether to send or to record again; an emergency is returned as it was heard.

    Silence, ``#`` and any other reply send the message.
    """
    reply = await caller.ask(phrase(Phrase.VOICEMAIL_REVIEW))
    for _ in range(TRIES):
        if reply.key != keys.listen:
            break
        reply = await caller.ask(phrase(Phrase.VOICEMAIL_REVIEW), after=message)
    if reply.urgent:
        return reply
    refused = reply.intent is not None and reply.intent.name == ControlIntent.NO
    return _Choice.AGAIN if refused or reply.key == keys.again else _Choice.SEND
