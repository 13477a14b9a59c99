"""The sentences that calls can say: what is rendered in advance."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.call.dialogue.announcements import announcements, waiting_time
from ivr.call.dialogue.dtmf_menu import key_menu
from ivr.content.callflow import Callflow
from ivr.content.callflow.wait_estimate import tellable
from ivr.content.faq import Faq
from ivr.content.languages import key_word
from ivr.content.phrases import Phrase, Phrases

Sentence = tuple[str, str]
"""A text and its language."""


def sentences(callflow: Callflow, faq: Faq, phrases: Phrases) -> Iterator[Sentence]:
    """Yield the phrases, menu lines, questions back and answers in every language of ``callflow``."""
    for lang, entry in callflow.languages.items():
        for text in phrases.fixed(lang):
            yield text, lang
        yield phrases.text(lang, Phrase.MENU_LINE, key=key_word(entry.key, lang)), lang
        yield recording_notice(callflow, phrases, lang), lang
        for text, _ in key_menu(callflow, faq, phrases, lang):
            yield text, lang
        for text in _questions_back(lang, faq, phrases):
            yield text, lang
        yield from answers_in(lang, faq)
        for reason in _reasons(callflow, lang):
            yield reason, lang
        for seconds in tellable(callflow):
            yield waiting_time(seconds, lang, callflow, phrases), lang
    for one in announcements(callflow, faq, phrases):
        yield one.text, one.lang


def recording_notice(callflow: Callflow, phrases: Phrases, lang: str) -> str:
    """Return the sentence in ``lang`` that the call may be recorded, with the key to refuse."""
    return phrases.text(lang, Phrase.RECORDING_NOTICE, key=key_word(callflow.recording.refuse_key, lang))


def answers(callflow: Callflow, faq: Faq) -> Iterator[Sentence]:
    """Yield the answers, which are also rendered in slow speech."""
    for lang in callflow.languages:
        yield from answers_in(lang, faq)


def answers_in(lang: str, faq: Faq) -> Iterator[Sentence]:
    """Yield the answers in ``lang``."""
    for text in faq.spoken(lang):
        yield text, lang


def _reasons(callflow: Callflow, lang: str) -> Iterator[str]:
    """The reasons why the hours of a day differ."""
    hours = callflow.hours
    for reasons in (hours.holidays.reason, *(exception.reason for exception in hours.exceptions)):
        yield from (text for code, text in reasons.items() if code == lang)


def _questions_back(lang: str, faq: Faq, phrases: Phrases) -> Iterator[str]:
    names = {intent: faq.name(intent, lang) for intent in faq.intents if faq.kind(intent) != "social"}
    for intent, name in names.items():
        yield phrases.text(lang, Phrase.CONFIRM, name=name)
        for other, second in names.items():
            siblings = "." in intent and faq.topic(intent) == faq.topic(other) and intent != other
            if siblings:
                yield phrases.text(lang, Phrase.EITHER, a=name, b=second)
