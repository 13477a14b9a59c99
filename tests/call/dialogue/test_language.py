"""The language that a caller chooses by key or by name."""

from __future__ import annotations

import pytest

from ivr.call.dialogue.caller import CallerReply
from ivr.call.dialogue.language import Choice, choose
from ivr.content.callflow import load_callflow
from ivr.content.faq import load_faq
from ivr.content.languages import LanguageNames, key_word
from ivr.core.errors import ConfigError
from ivr.nlu.classifier import Intent
from tests.conftest import ROOT

NAMES = LanguageNames.load(ROOT)
CALLFLOW = load_callflow(ROOT)
LANGS = ("fr", "en", "es", "de", "it")


@pytest.mark.parametrize(
    ("said", "lang"),
    [
        ("English", "en"), ("English, please!", "en"), ("in english please", "en"), ("uh, English", "en"),
        ("Do you speak English?", "en"), ("anglais", "en"), ("inglés por favor", "en"), ("auf Englisch", "en"),
        ("Français", "fr"), ("en français s'il vous plaît", "fr"), ("oui, français", "fr"), ("French please", "fr"),
        ("je voudrais parler français", "fr"), ("Französisch bitte", "fr"), ("francese, grazie", "fr"),
        ("español", "es"), ("Hola, español por favor", "es"), ("Spanish", "es"), ("castellano", "es"),
        ("quiero hablar en español", "es"), ("espagnol", "es"), ("spagnolo", "es"),
        ("Deutsch", "de"), ("auf Deutsch, bitte", "de"), ("ich möchte Deutsch sprechen", "de"),
        ("German please", "de"), ("allemand", "de"), ("alemán", "de"), ("tedesco", "de"),
        ("italiano", "it"), ("in italiano per favore", "it"), ("vorrei parlare italiano", "it"),
        ("Italian", "it"), ("italien s'il vous plaît", "it"), ("Italienisch", "it"),
        ("ESPANOL", "es"), ("deutsch deutsch", "de"),
    ],
)  # fmt: skip
def test_a_language_is_named_in_any_of_the_five(said: str, lang: str) -> None:
    assert NAMES.named_in(said) == lang


@pytest.mark.parametrize(
    "said",
    [
        "an Italian restaurant", "Italian restaurants", "un restaurant italien", "un ristorante francese",
        "ein deutsches Restaurant", "a French museum", "Stade de France", "tour de France", "Île-de-France",
        "is there an English guide", "une visite guidée en anglais", "la embajada de España",
        "the German embassy", "l'ambassade d'Italie", "English or French", "français, anglais", "", "yes",
        "combien coûte la tour Eiffel", "how much is the Louvre",
    ],
)  # fmt: skip
def test_a_question_that_holds_such_a_word_is_no_choice(said: str) -> None:
    assert NAMES.named_in(said) is None


@pytest.mark.parametrize("lang", LANGS)
def test_no_question_we_know_of_is_taken_for_a_choice(lang: str) -> None:
    wrong = [
        (intent, example)
        for intent, example in load_faq(ROOT).examples(lang)
        if intent != "change_language" and NAMES.named_in(example)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("said", "lang"),
    [
        ("could we carry on in Spanish", "es"), ("vous avez quelqu'un qui parle allemand", "de"),
        ("si può continuare in italiano", "it"), ("póngalo en inglés", "en"),
        ("machen wir auf Französisch weiter", "fr"),
        ("change language", None), ("une autre langue", None), ("English or French", None),
        ("je ne parle pas français", None), ("I don't speak English", None), ("no hablo francés", None),
        ("ich spreche kein Deutsch", None), ("non parlo francese", None),
    ],
)  # fmt: skip
def test_a_caller_known_to_want_another_language_may_use_a_whole_sentence(
    said: str, lang: str | None
) -> None:
    assert NAMES.meant_in(said) == lang


def wants_another(text: str, confidence: float) -> CallerReply:
    intent = Intent("change_language", confidence, (("change_language", confidence),))
    return CallerReply(text=text, lang="en", confidence=0.9, intent=intent, spoke=True)


def test_choices() -> None:
    assert [choose(CallerReply(key=key), CALLFLOW, NAMES) for key in "12345"] == [
        Choice(lang, "key") for lang in LANGS
    ]
    assert [choose(CallerReply(key=key), CALLFLOW, NAMES) for key in "06789*#"] == [None] * 7
    assert choose(CallerReply(text="English please", spoke=True), CALLFLOW, NAMES) == Choice("en", "voice")
    assert choose(CallerReply(), CALLFLOW, NAMES) is None
    sentence = "can you switch to German"
    assert choose(CallerReply(text=sentence, spoke=True), CALLFLOW, NAMES) is None
    assert choose(CallerReply(text=sentence, spoke=True), CALLFLOW, NAMES, asked=True) == Choice(
        "de", "voice"
    )
    assert choose(wants_another(sentence, 0.9), CALLFLOW, NAMES) == Choice("de", "voice")
    assert choose(wants_another(sentence, 0.1), CALLFLOW, NAMES) is None


def test_a_language_that_is_not_served_is_no_choice() -> None:
    served = {code: entry for code, entry in CALLFLOW.languages.items() if code != "it"}
    without = CALLFLOW.model_copy(update={"languages": served})
    assert choose(CallerReply(text="italiano", spoke=True), without, NAMES) is None


@pytest.mark.parametrize("lang", LANGS)
def test_every_key_has_a_word_of_its_own(lang: str) -> None:
    words = [key_word(key, lang) for key in "0123456789*#"]
    assert len(set(words)) == 12 and all(words)


def test_a_missing_file_is_a_clear_error() -> None:
    with pytest.raises(ConfigError, match=r"nlu/languages\.yml"):
        LanguageNames.load(ROOT / "tests")
