"""The beginning of a call: the greeting and the choice of a language."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ivr.call.dialogue.caller import Caller, CallerReply, PromptPart
from ivr.call.dialogue.language import choose
from ivr.call.dialogue.phrase_prompts import PhrasePrompts
from ivr.content.bundle import Content
from ivr.content.phrases import Phrase
from ivr.core.vocabulary import LanguageSource

MENU_ROUNDS = 2
"""How many times the language menu is said before the call continues without a choice."""


class Greeting:
    """Greets one caller and settles their language.

    caller, content: who calls, and languages and keys.
    phrase: makes prompt parts of phrases.
    is_question: tells whether a reply is a question or an order.
    heard: takes each reply.
    """

    def __init__(
        self,
        caller: Caller,
        content: Content,
        phrase: PhrasePrompts,
        is_question: Callable[[CallerReply], bool],
        heard: Callable[[CallerReply], None],
    ) -> None:
        self._caller, self._content, self._phrase = caller, content, phrase
        self._is_question, self._heard = is_question, heard

    async def run(self) -> CallerReply | None:
        """Return what a caller has asked instead of choosing a language, or None."""
        order = self._content.callflow.order(self._caller.number)
        menu = [self._phrase(Phrase.WELCOME, order[0]), *(self._menu_line(lang) for lang in order)]
        for _ in range(MENU_ROUNDS):
            reply = await self._caller.ask(*menu, langs=order)
            self._heard(reply)
            if self._content.callflow.recording.refused_by(reply.key):
                await self._caller.refuse_recording()
            if reply.key == self._content.callflow.keys.person:
                await self._caller.speaks(order[0], LanguageSource.DEFAULT)
                return reply
            if await self._chooses(reply):
                return None
            if reply.spoke and self._is_question(reply):
                await self._caller.speaks(reply.lang or order[0], LanguageSource.QUESTION)
                return reply
        return await self._without_choice(self._content.callflow.silent_languages)

    async def _without_choice(self, langs: Sequence[str]) -> CallerReply | None:
        """Ask for a question in the languages of callers who choose none."""
        reply = await self._caller.ask(
            *(self._phrase(Phrase.HOW_CAN_I_HELP, lang) for lang in langs), langs=langs
        )
        if await self._chooses(reply):
            return None
        how = LanguageSource.QUESTION if reply.spoke else LanguageSource.DEFAULT
        await self._caller.speaks(reply.lang or langs[0], how)
        return None if reply.silent else reply

    async def _chooses(self, reply: CallerReply) -> bool:
        choice = choose(reply, self._content.callflow, self._content.names)
        if choice is not None:
            await self._caller.speaks(choice.lang, choice.how)
        return choice is not None

    def _menu_line(self, lang: str) -> PromptPart:
        key = self._content.callflow.languages[lang].key
        return self._phrase(Phrase.MENU_LINE, lang, key=self._content.key_words(key, lang))
