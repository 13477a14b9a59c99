"""The menu by keys for calls without recogniser or understanding: the usual topics and a person.  Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.content.callflow import Callflow
from ivr.content.faq import Faq
from ivr.content.languages import key_word
from ivr.content.phrases import Phrase, Phrases


def key_menu(callflow: Callflow, faq: Faq, phrases: Phrases, lang: str) -> Iterator[tuple[str, Phrase]]:
    """Yield the sentences of the menu in ``lang``, each with its phrase."""
    yield phrases.text(lang, Phrase.BY_KEYS), Phrase.BY_KEYS
    for key, intent in callflow.topics_by_key.items():
        name = faq.name(intent, lang)
        yield phrases.text(lang, Phrase.TOPIC_LINE, name=name, key=key_word(key, lang)), Phrase.TOPIC_LINE
    yield phrases.text(lang, Phrase.PERSON_LINE, key=key_word(callflow.keys.person, lang)), Phrase.PERSON_LINE
