"""Putting a caller through to a person: the adviser queue, then the on-call telephone, then the overflow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ivr.call.dialogue import handoff
from ivr.call.dialogue.announcements import waiting_time
from ivr.call.dialogue.caller import Caller, PromptPart
from ivr.call.dialogue.handoff import TransferTarget
from ivr.call.dialogue.phrase_prompts import PhrasePrompts
from ivr.content.bundle import Content
from ivr.content.callflow import wait_estimate
from ivr.content.callflow.opening import open_at, reason
from ivr.content.phrases import Phrase
from ivr.core.vocabulary import PersonReason, TransferDestination


@dataclass(frozen=True)
class TransferReason:
    """Why a caller wants a person.

    why: the reason.  topic: the intent they asked about, or empty.
    priority: their place before others in the queue; 0: behind them.
    so_far: what the dialogue needs again when the caller comes back.
    """

    why: PersonReason
    topic: str = ""
    priority: int = 0
    so_far: str = ""


class Transfer:
    """Puts one caller through.  Its methods return when nobody can be reached.

    caller, content: who is put through, and whom they can reach.
    phrase: makes prompt parts of phrases.
    tell: says prompt parts; raises Interrupted.
    reason: why the caller wants a person.
    """

    def __init__(
        self,
        caller: Caller,
        content: Content,
        phrase: PhrasePrompts,
        tell: Callable[..., Awaitable[None]],
        reason: TransferReason,
    ) -> None:
        self._caller, self._content, self._phrase = caller, content, phrase
        self._tell, self._reason = tell, reason

    async def run(self) -> None:
        """Transfer to an adviser or a fallback telephone, or say that nobody is available.

        Raises LeftToDialplan on the transfer, Interrupted when the caller has another question.
        """
        callflow, now = self._content.callflow, self._content.now()
        is_open = open_at(callflow, now)
        if is_open and handoff.advisers(callflow, self._caller.lang):
            await self._to_adviser()
        await self.to_fallback_phone()
        await self._tell(*([self._phrase(Phrase.HANDOFF_FAILED)] if is_open else self._closed()))

    async def to_fallback_phone(self) -> None:
        """Transfer to the telephones that ring at this hour; returns when there are none.  Raises as ``run``."""
        phones = handoff.fallback_phones(self._content.callflow, self._content.now())
        if phones:
            await self._tell(self._phrase(Phrase.HANDOFF))
            await self._caller.transfer(
                TransferTarget(
                    phones[0],
                    self._caller.lang,
                    self._reason.why,
                    self._reason.topic,
                    fallback=phones[1] if phones[1:] else None,
                    so_far=self._reason.so_far,
                )
            )

    async def _to_adviser(self) -> None:
        """Announce the wait and transfer to the queue of the caller's language; returns when it has no adviser."""
        callflow, reason = self._content.callflow, self._reason
        wait = await self._caller.estimate_wait(reason.priority)
        if wait is not None and not wait.staffed:
            return
        announced_s = wait_estimate.told(wait.wait_s, callflow) if wait is not None else 0
        await self._tell(self._wait(announced_s) if announced_s else self._phrase(Phrase.HANDOFF))
        await self._caller.transfer(
            TransferTarget(
                TransferDestination.QUEUE,
                self._caller.lang,
                reason.why,
                reason.topic,
                announced_s,
                reason.priority,
                so_far=reason.so_far,
            )
        )

    def _wait(self, announced_s: int) -> PromptPart:
        callflow, lang = self._content.callflow, self._caller.lang
        phrase, _ = wait_estimate.waiting_phrase(announced_s, callflow)
        return PromptPart(phrase, waiting_time(announced_s, lang, callflow, self._content.phrases), lang)

    def _closed(self) -> list[PromptPart]:
        """That the office is closed, after the reason on a special day."""
        lang = self._caller.lang
        why = reason(self._content.callflow.hours, self._content.now(), lang)
        return [*([PromptPart("closed_reason", why, lang)] if why else []), self._phrase(Phrase.CLOSED)]
