"""The caller as the conversation sees them: say, ask, record, transfer, hang up.

The dialogue knows only the ``Caller`` protocol.  A real call, a replay and the tests each bring their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ivr.call.dialogue.handoff import TransferTarget
from ivr.content.callflow.wait_estimate import WaitEstimate
from ivr.core.vocabulary import Decision, LanguageSource, PersonReason
from ivr.nlu.classifier import Intent


@dataclass(frozen=True)
class PromptPart:
    """A part of a prompt.

    key: the phrase or intent.  text: its words.  lang: their language.
    slow: whether it is spoken slowly.
    live: whether it is rendered during the call.  A part that is rendered in advance stands before it.
    """

    key: str
    text: str
    lang: str
    slow: bool = False
    live: bool = False


@dataclass(frozen=True)
class CallerReply:
    """A reply of the caller: keys, speech with its meaning, or silence.

    key: the key pressed, or several where a number was asked for.
    text, lang: what was said, and in which language.
    confidence: of the recogniser, 0 to 1.
    intent: the meaning; None where nothing understands.
    urgent: whether it holds an emergency word.
    spoke: whether there was speech.
    heedless_s: seconds of sound that took no notice of the service (``ivr/call/dialogue/progress.py``).
    """

    key: str = ""
    text: str = ""
    lang: str = ""
    confidence: float = 0.0
    intent: Intent | None = None
    urgent: bool = False
    spoke: bool = field(default=False)
    heedless_s: float = 0.0

    @property
    def silent(self) -> bool:
        """Whether there was neither a key nor speech."""
        return not self.key and not self.spoke


@dataclass(frozen=True)
class RecordedMessage:
    """A recorded message: its name, its length in seconds, and whether recording has failed."""

    name: str
    seconds: float
    failed: bool = False


@dataclass(frozen=True)
class CallbackRequest:
    """A callback that was agreed on.

    number: the number to call (``+33...``).  lang: the caller's language.
    start, end: the window, in seconds since 1970.
    topic: the intent they last asked about, or empty.
    """

    number: str
    lang: str
    start: float
    end: float
    topic: str = ""


class Interrupted(Exception):
    """The caller barged in during an announcement; ``reply``: with what."""

    def __init__(self, reply: CallerReply) -> None:
        super().__init__("interrupted")
        self.reply = reply


class NoProgress(Exception):
    """The caller has made no progress for too long, or would leave another message without any."""


class Caller(Protocol):
    """One caller.

    Every method raises CallerGone when they hang up.
    """

    number: str
    """The caller's number as the trunk gave it."""
    lang: str
    """The caller's language; empty until it is known."""

    @property
    def with_us_s(self) -> float:
        """Seconds since the conversation began; a talk with an adviser before it does not count."""

    async def ask(
        self,
        *parts: PromptPart,
        langs: Sequence[str] = (),
        keys: int = 1,
        after: RecordedMessage | None = None,
    ) -> CallerReply:
        """Say a prompt and return the reply to it.

        langs: the languages that the reply may be in; none: the caller's language.
        keys: the most keys of a reply.  More than one asks for a number: ``#`` or a pause ends its keys, and it may
            be spoken with pauses.
        after: a message of the caller that is played before the prompt.

        Raises RecogniserError, VoiceError.
        """

    async def say(self, *parts: PromptPart) -> None:
        """Say a prompt to its end, whatever the caller says meanwhile; raises VoiceError."""

    async def tell(self, *parts: PromptPart) -> CallerReply | None:
        """Say a prompt to its end, or until a key or a word of the caller, which is returned.

        Raises as ``ask``.
        """

    async def speaks(self, lang: str, how: LanguageSource) -> None:
        """Settle the caller's language; ``how``: by what it was chosen."""

    async def decided(self, decision: Decision, intent: str, other: str = "") -> None:
        """Record a decision; ``other``: the second intent where the caller is asked which of two was meant."""

    async def record(self, lang: str, *before: PromptPart) -> RecordedMessage:
        """Say ``before``, beep, and record a message until ``#``, silence, the limit, or a hang-up."""

    async def keep(self, message: RecordedMessage) -> None:
        """Keep a message for good."""

    async def discard(self, message: RecordedMessage) -> None:
        """Drop a message that is recorded again or empty."""

    async def refuse_recording(self) -> None:
        """Stop the recording of the call, delete it, and keep nothing of this call but counts."""

    def wants_callback(self, request: CallbackRequest) -> None:
        """Record a promised callback: it is kept whatever happens to this call."""

    def wants_person(self, why: PersonReason) -> None:
        """Record that the caller wants a person; waiting is counted from here."""

    async def estimate_wait(self, priority: int = 0) -> WaitEstimate | None:
        """Estimate the wait for an adviser with a queue priority (0: none); None: unknown."""

    async def transfer(self, target: TransferTarget) -> None:
        """Leave to a person in the dialplan; raises LeftToDialplan."""

    async def hang_up(self) -> None:
        """End the call; raises CallerGone."""
