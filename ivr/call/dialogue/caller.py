"""The caller as the conversation sees him: say, ask, record, transfer, hang up.

``dialogue.py`` knows only the ``Caller`` protocol; a real call, a replay and the tests each bring their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ivr.call.dialogue.handoff import TransferTarget
from ivr.content.callflow.wait_estimate import WaitEstimate
from ivr.core.vocabulary import Decision, LanguageSource, PersonReason
from ivr.nlu.client import Intent


@dataclass(frozen=True)
class PromptPart:
    """Something to say: ``key`` names the phrase or intent, ``slow`` asks for slower speech.

    ``live``: made up during the call, so not rendered in advance; something that is stands before it.
    """

    key: str
    text: str
    lang: str
    slow: bool = False
    live: bool = False


@dataclass(frozen=True)
class CallerReply:
    """The caller's turn: a key (several, where a number was asked for), or speech with what it means, or
    neither (he said nothing).

    ``confidence`` is the recogniser's (0..1); ``urgent`` means an emergency word was in it.
    """

    key: str = ""
    text: str = ""
    lang: str = ""
    confidence: float = 0.0
    intent: Intent | None = None
    urgent: bool = False
    spoke: bool = field(default=False)

    @property
    def silent(self) -> bool:
        """Neither a key nor speech."""
        return not self.key and not self.spoke


@dataclass(frozen=True)
class RecordedMessage:
    """A recorded message: its name and length in seconds; ``failed`` when nothing could be recorded."""

    name: str
    seconds: float
    failed: bool = False


@dataclass(frozen=True)
class CallbackRequest:
    """To be called back at ``number`` (``+33...``) in ``lang``, from ``start`` to ``end`` (seconds since 1970).

    ``topic``: the intent he last asked about, or empty.
    """

    number: str
    lang: str
    start: float
    end: float
    topic: str = ""


class Interrupted(Exception):
    """The caller had a word for us while we told him something."""

    def __init__(self, heard: CallerReply) -> None:
        super().__init__("interrupted")
        self.heard = heard


class Caller(Protocol):
    """One caller.  Every method raises CallerGone once he has hung up."""

    number: str
    lang: str

    @property
    def with_us_s(self) -> float:
        """Seconds since the conversation began; a visit to an adviser before it does not count."""

    async def ask(
        self,
        *pieces: PromptPart,
        langs: Sequence[str] = (),
        keys: int = 1,
        after: RecordedMessage | None = None,
    ) -> CallerReply:
        """Say it, listen, understand.  ``langs``: the languages he may answer in, default his own.

        ``keys`` above 1: he is asked for a number, may press so many keys (# or a pause ends them), and speaks
        it with pauses.  ``after``: a message of his that he hears first.
        """

    async def say(self, *pieces: PromptPart) -> None:
        """Say it to its end, whatever he says meanwhile."""

    async def tell(self, *pieces: PromptPart) -> CallerReply | None:
        """Say it to its end, or to his key or word, which is returned."""

    async def speaks(self, lang: str, how: LanguageSource) -> None:
        """His language is known now."""

    async def decided(self, decision: Decision, intent: str, other: str = "") -> None:
        """Note what was decided, for the record."""

    async def record(self, lang: str, *before: PromptPart) -> RecordedMessage:
        """Say ``before``, beep, record until #, silence, the limit, or until he hangs up."""

    async def keep(self, message: RecordedMessage) -> None:
        """The message is final."""

    async def discard(self, message: RecordedMessage) -> None:
        """The message is to be replaced by another."""

    async def refuse_recording(self) -> None:
        """He does not want to be recorded: stop, delete, and keep nothing of this call but counts."""

    def wants_callback(self, request: CallbackRequest) -> None:
        """Note the promise: from now on it is kept, whatever becomes of this call."""

    def wants_person(self, why: PersonReason) -> None:
        """Note that he wants a person, and ``why`` (as in PersonWanted): waiting is counted from here."""

    async def estimate_wait(self, priority: int = 0) -> WaitEstimate | None:
        """Estimate the wait for an adviser with a queue priority (0: none); None: unknown."""

    async def transfer(self, target: TransferTarget) -> None:
        """Leave to a person in the dialplan; raises LeftToDialplan."""

    async def hang_up(self) -> None:
        """End the call; raises CallerGone."""
