"""Word errors, and differences that are only another spelling."""

import pytest

from ivr.evaluation.word_errors import compare
from ivr.speech.pronunciation import read
from tests.speech.engines import ROOT


@pytest.mark.parametrize(
    ("lang", "said", "heard"),
    [
        ("fr", "seize euros cinquante", "16,50 €"),
        ("fr", "à neuf heures trente", "À 9h30."),
        ("fr", "le deuxième étage", "Le 2e étage"),
        ("fr", "les musées sont ouverts", "Les musées sont ouvert."),
        ("fr", "zéro un, quarante-neuf, cinquante-deux, quarante-deux, quatre-vingt-un", "01 49 52 42 81"),
        ("en", "twenty-three euros fifty", "€23.50"),
        ("en", "from nine forty-five to eight thirty", "from 9.45 to 8.30"),
        ("en", "around twelve thirty", "around 1230"),
        ("en", "nine in the morning to six", "9 in the morning to 6.00"),
        ("en", "dial one one two", "dial 112"),
        ("fr", "appelez le cent douze", "Appelez le 112"),
        ("de", "von sechs Uhr dreißig bis zweiundzwanzig Uhr dreißig", "von 6,30 bis 22.30"),
        ("en", "paris je t'aime dot com", "Paris je t'aime.com"),
        ("en", "on the second floor", "on the 2nd floor."),
        ("en", "Notre-Dame", "Notre Dame"),
        ("es", "catorce euros", "14 €"),
        ("de", "der Eiffelturm kostet dreiundzwanzig Euro fünfzig", "Der Eiffel Turm kostet 23,50 €"),
        ("it", "dodici euro", "12 euro"),
        ("de", "etwa eineinhalb Minuten", "etwa 1,5 Minuten"),
        ("fr", "les tickets", "l'étiquet"),
        ("fr", "je réponds aux questions courantes", "je répond au question courante"),
        ("fr", "", ""),
    ],
)
def test_another_spelling_is_no_error(lang: str, said: str, heard: str) -> None:
    assert compare(said, heard, read(ROOT, lang)).errors == 0


@pytest.mark.parametrize(
    ("lang", "said", "heard", "errors", "words"),
    [
        ("fr", "le musée est ouvert", "le musée est fermé", 1, 4),
        ("fr", "seize euros", "13 €", 1, 2),
        ("en", "around twelve thirty", "around 12:40", 1, 3),
        ("en", "open every day but Tuesday", "open every day", 2, 5),
        ("en", "open every day", "we are open every day", 2, 3),
        ("en", "open every day", "", 3, 3),
        ("de", "etwa eineinhalb Minuten", "etwa 2,5 Minuten", 3, 3),
        ("fr", "la taxe de séjour", "l'attaque de séjour", 2, 4),
        ("en", "", "hello", 1, 0),
    ],
)
def test_what_a_listener_would_get_wrong_counts(
    lang: str, said: str, heard: str, errors: int, words: int
) -> None:
    alike = compare(said, heard, read(ROOT, lang))
    assert (alike.errors, alike.words) == (errors, words)


def test_neighbouring_words_that_differ_are_one_miss() -> None:
    said, heard = "la taxe de séjour est comprise dans le prix", "l'attaque de séjour est dans votre prix ici"
    alike = compare(said, heard, read(ROOT, "fr"))
    assert [(miss.said, miss.heard, miss.errors) for miss in alike.misses] == [
        ("la taxe", "l attaque", 2), ("comprise", "", 1), ("le", "votre", 1), ("", "ici", 1),
    ]  # fmt: skip
