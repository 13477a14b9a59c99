"""Phrases as parts of a prompt, in the caller's language."""

from __future__ import annotations

from ivr.call.dialogue.caller import Caller, PromptPart
from ivr.content.phrases import Phrase, Phrases


class PhrasePrompts:
    """Makes prompt parts of phrases.

    caller: whose language is used.  phrases: the texts.
    """

    def __init__(self, caller: Caller, phrases: Phrases) -> None:
        self._caller, self._phrases = caller, phrases

    def __call__(self, name: Phrase, lang: str = "", /, **fields: str) -> PromptPart:
        """Return a phrase with its fields filled in; ``lang``: another language than the caller's."""
        lang = lang or self._caller.lang
        return PromptPart(name, self._phrases.text(lang, name, **fields), lang)
