"""The sentences that are known before a call are in the list of prompts to render."""

from __future__ import annotations

import re

from ivr.call.dialogue.prompt_list import answers, sentences
from tests.call.dialogue.scripted import LANGS, make_content

OFFICE = make_content()
ALL = list(sentences(OFFICE.callflow, OFFICE.faq, OFFICE.phrases))


def test_every_language_has_the_same_number_of_sentences() -> None:
    counts = {lang: sum(1 for _, spoken in ALL if spoken == lang) for lang in LANGS}
    assert min(counts.values()) > 150 and len(set(counts.values())) == 1, counts


def test_no_sentence_is_empty_or_has_a_field_left_in_it() -> None:
    assert [text for text, _ in ALL if not text.strip() or re.search(r"[{}]", text)] == []


def test_the_answers_are_among_them_and_are_rendered_slowly_too() -> None:
    spoken_slowly = set(answers(OFFICE.callflow, OFFICE.faq))
    assert spoken_slowly <= set(ALL)
    for intent in OFFICE.faq.intents:
        for lang, text in OFFICE.faq.entry(intent).answers.items():
            assert (text, lang) in spoken_slowly
