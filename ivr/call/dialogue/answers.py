"""The answers that one caller gets, and what can be repeated and followed up."""

from __future__ import annotations

from ivr.call.dialogue.caller import Caller, PromptPart
from ivr.content.bundle import Content
from ivr.content.faq import resolve_follow_up
from ivr.content.intents import FOLLOW_UP


class Answers:
    """Gives answers and remembers the last one.

    caller, content: whose language is spoken, and the answers.

    ``last_intent`` is the intent of the last answer, empty before the first one.
    """

    def __init__(self, caller: Caller, content: Content) -> None:
        self.last_intent = ""
        self._caller, self._content = caller, content
        self._last: tuple[PromptPart, ...] = ()

    def give(self, intent: str) -> tuple[PromptPart, ...]:
        """Return today's answer to ``intent``; raises KeyError where there is no such intent."""
        lang = self._caller.lang
        self.last_intent = intent
        answer = self._content.faq.answer(intent, lang, self._content.now().date())
        self._last = tuple(PromptPart(intent, text, lang) for text in answer.parts)
        return self._last

    def repeat(self, *, slow: bool) -> tuple[PromptPart, ...]:
        """Return the last answer, if asked for in slower speech; empty when there is none."""
        return tuple(PromptPart(part.key, part.text, part.lang, slow) for part in self._last)

    def forget(self) -> None:
        """Forget what can be repeated: the caller speaks another language now."""
        self._last = ()

    def follow_up(self, intent: str) -> str | None:
        """Return the intent of another aspect of the last topic ("And for children?"); None where there is none."""
        return resolve_follow_up(self._content.faq, self.last_intent, intent.removeprefix(FOLLOW_UP))
