"""Leaving a message: say what to leave, beep, record, offer to listen, record again or send."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ivr.call.dialogue.caller import Caller, CallerReply, PromptPart, RecordedMessage
from ivr.content.callflow import ReviewKeys
from ivr.content.intents import ControlIntent
from ivr.content.phrases import Phrase

SHORTEST_S = 1.0
"""A recording shorter than this (seconds) holds no message."""
TRIES = 4


class VoicemailPhrases(Protocol):
    """Phrases in the caller's language, as pieces."""

    def piece(self, name: Phrase, lang: str = "", /, **fields: str) -> PromptPart: ...


@dataclass(frozen=True)
class MessageResult:
    """Whether a message was left; ``turn``: the emergency that was heard instead of an approval."""

    sent: bool
    turn: CallerReply | None = None


class _Choice(StrEnum):
    SEND = "send"
    AGAIN = "again"


async def leave_message(
    caller: Caller, words: VoicemailPhrases, keys: ReviewKeys, intro: Phrase = Phrase.VOICEMAIL_INTRO
) -> MessageResult:
    """Take one message; a caller who hangs up has left what he said."""
    for tries_left in reversed(range(TRIES)):
        message = await caller.record(caller.lang, words.piece(intro))
        if message.failed:
            await caller.say(words.piece(Phrase.VOICEMAIL_FAILED))
            return MessageResult(False)
        if message.seconds < SHORTEST_S:
            await caller.discard(message)
            await caller.say(words.piece(Phrase.VOICEMAIL_EMPTY))
            continue
        choice = await _review(caller, words, keys, message)
        if choice is _Choice.AGAIN and tries_left:
            await caller.discard(message)
            continue
        await caller.keep(message)
        if isinstance(choice, CallerReply):
            return MessageResult(True, choice)
        await caller.say(words.piece(Phrase.VOICEMAIL_SENT))
        return MessageResult(True)
    return MessageResult(False)


async def _review(
    caller: Caller, words: VoicemailPhrases, keys: ReviewKeys, message: RecordedMessage
) -> _Choice | CallerReply:
    """Send or again; silence, ``#`` and anything else send.  An emergency is given back as it was heard."""
    heard = await caller.ask(words.piece(Phrase.VOICEMAIL_REVIEW))
    for _ in range(TRIES):
        if heard.key != keys.listen:
            break
        heard = await caller.ask(words.piece(Phrase.VOICEMAIL_REVIEW), after=message)
    if heard.urgent:
        return heard
    refused = heard.intent is not None and heard.intent.name == ControlIntent.NO
    return _Choice.AGAIN if refused or heard.key == keys.again else _Choice.SEND
