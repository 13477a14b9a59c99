"""To a person: the queue at the desk in opening hours, then who is on call, then the overflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ivr.call.dialogue import handoff
from ivr.call.dialogue.announcements import waiting_time
from ivr.call.dialogue.caller import Caller, PromptPart
from ivr.call.dialogue.handoff import TransferTarget
from ivr.content.bundle import Content
from ivr.content.callflow import wait_estimate
from ivr.content.callflow.opening import open_at, reason
from ivr.content.phrases import Phrase
from ivr.core.vocabulary import PersonReason, TransferDestination


class TransferPhrases(Protocol):
    """Phrases in the caller's language, and telling him something."""

    def piece(self, name: Phrase, lang: str = "", /, **fields: str) -> PromptPart: ...
    async def tell(self, *pieces: PromptPart) -> None: ...


@dataclass(frozen=True)
class TransferReason:
    """Why he wants a person (as in PersonWanted), what he asked about, his place before others (0: none)."""

    why: PersonReason
    topic: str = ""
    priority: int = 0


class Transfer:
    """Puts the caller through; what returns is a caller for whom nobody is there, and who knows it."""

    def __init__(
        self, caller: Caller, words: TransferPhrases, office: Content, wanted: TransferReason
    ) -> None:
        self._caller, self._words, self._office, self._wanted = caller, words, office, wanted

    async def run(self) -> None:
        """Raises LeftToDialplan on the way to a person, Interrupted when he would rather say something."""
        callflow, now = self._office.callflow, self._office.now()
        is_open = open_at(callflow, now)
        if is_open and handoff.advisers(callflow, self._caller.lang):
            await self._to_the_desk()
        await self.to_fallback_phone()
        await self._words.tell(*([self._words.piece(Phrase.HANDOFF_FAILED)] if is_open else self._closed()))

    async def to_fallback_phone(self) -> None:
        """To who is on call, or the overflow; returns when there is neither at this hour."""
        phones = handoff.fallback_phones(self._office.callflow, self._office.now())
        if phones:
            await self._words.tell(self._words.piece(Phrase.HANDOFF))
            wanted = self._wanted
            await self._caller.transfer(
                TransferTarget(
                    phones[0],
                    self._caller.lang,
                    wanted.why,
                    wanted.topic,
                    fallback=phones[1] if phones[1:] else None,
                )
            )

    async def _to_the_desk(self) -> None:
        """Into the queue of his language, told how long it takes; returns when nobody is there."""
        callflow, lang, wanted = self._office.callflow, self._caller.lang, self._wanted
        wait = await self._caller.estimate_wait(wanted.priority)
        if wait is not None and not wait.staffed:
            return
        told = wait_estimate.told(wait.wait_s, callflow) if wait is not None else 0
        await self._words.tell(self._how_long(told) if told else self._words.piece(Phrase.HANDOFF))
        await self._caller.transfer(
            TransferTarget(TransferDestination.QUEUE, lang, wanted.why, wanted.topic, told, wanted.priority)
        )

    def _how_long(self, told: int) -> PromptPart:
        callflow, lang = self._office.callflow, self._caller.lang
        phrase, _ = wait_estimate.waiting_phrase(told, callflow)
        return PromptPart(phrase, waiting_time(told, lang, callflow, self._office.phrases), lang)

    def _closed(self) -> list[PromptPart]:
        """That nobody is there, and why, if the day is a special one."""
        lang = self._caller.lang
        why = reason(self._office.callflow.hours, self._office.now(), lang)
        return [*([PromptPart("closed_reason", why, lang)] if why else []), self._words.piece(Phrase.CLOSED)]
