"""The menu while nothing that is said can be understood: the usual topics, and a person.  Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.content.callflow import Callflow
from ivr.content.faq import Faq
from ivr.content.languages import key_word
from ivr.content.phrases import Phrases


def key_menu(callflow: Callflow, faq: Faq, phrases: Phrases, lang: str) -> Iterator[tuple[str, str]]:
    """Its sentences in ``lang``, and the phrase that each is."""
    yield phrases.text(lang, "by_keys"), "by_keys"
    for key, intent in callflow.topics_by_key.items():
        name = faq.name(intent, lang)
        yield phrases.text(lang, "topic_line", name=name, key=key_word(key, lang)), "topic_line"
    yield phrases.text(lang, "person_line", key=key_word(callflow.keys.person, lang)), "person_line"
