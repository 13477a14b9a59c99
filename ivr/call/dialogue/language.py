"""The language that a caller chooses.  Pure: words and keys in, a language out."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.call.dialogue.caller import CallerReply
from ivr.content.callflow import Callflow
from ivr.content.intents import ControlIntent
from ivr.content.languages import LanguageNames
from ivr.core.vocabulary import LanguageSource


@dataclass(frozen=True)
class Choice:
    """A language and by what it was chosen."""

    lang: str
    how: LanguageSource


def choose(
    heard: CallerReply, callflow: Callflow, names: LanguageNames, *, asked: bool = False
) -> Choice | None:
    """Return the language of a key or of a spoken name; None where there is neither.

    heard: the caller's reply.  callflow, names: keys and names of the languages.
    asked: whether the caller was asked for a language, so that a whole sentence may hold the name.
    """
    if heard.key:
        lang = callflow.language_of_key(heard.key)
        return Choice(lang, LanguageSource.KEY) if lang else None
    wanted = asked or _wants_another(heard, callflow)
    lang = names.named_in(heard.text) or (names.meant_in(heard.text) if wanted else None)
    return Choice(lang, LanguageSource.VOICE) if lang in callflow.languages else None


def _wants_another(heard: CallerReply, callflow: Callflow) -> bool:
    intent = heard.intent
    return (
        intent is not None
        and intent.name == ControlIntent.CHANGE_LANGUAGE
        and intent.confidence >= callflow.gate.control
    )
