"""Windows in words, and callers' words for windows."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from ivr.call.dialogue.callback_window import chosen, when
from ivr.content.callflow.callback_windows import CallbackWindow
from ivr.content.phrases import load_phrases
from tests.conftest import ROOT

PARIS = ZoneInfo("Europe/Paris")
PHRASES = load_phrases(ROOT)
NOW = dt.datetime(2026, 11, 24, 10, tzinfo=PARIS)


def window(day: int, start: int, end: int, part: str = "") -> CallbackWindow:
    first, last = (dt.datetime(2026, 11, day, hour, tzinfo=PARIS) for hour in (start, end))
    return CallbackWindow(first, last, part)  # type: ignore[arg-type]


FOUR = window(24, 16, 17)
TOMORROW = window(25, 9, 13, "morning")
AFTER = window(25, 13, 18, "afternoon")
FRIDAY = window(27, 9, 13, "morning")


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("fr", ["aujourd'hui entre seize et dix-sept heures", "demain matin", "demain après-midi", "vendredi matin"]),
        ("en", ["today between four and five pm", "tomorrow morning", "tomorrow afternoon", "Friday morning"]),
        ("es", ["hoy entre las cuatro y las cinco de la tarde", "mañana por la mañana", "mañana por la tarde",
                "el viernes por la mañana"]),
        ("de", ["heute zwischen sechzehn und siebzehn Uhr", "morgen Vormittag", "morgen Nachmittag",
                "am Freitag Vormittag"]),
        ("it", ["oggi tra le sedici e le diciassette", "domani mattina", "domani pomeriggio", "venerdì mattina"]),
    ],
)  # fmt: skip
def test_in_words(lang: str, words: list[str]) -> None:
    assert [when(one, NOW, PHRASES, lang) for one in (FOUR, TOMORROW, AFTER, FRIDAY)] == words


@pytest.mark.parametrize(
    ("lang", "start", "words"),
    [
        ("fr", 11, "aujourd'hui entre onze heures et midi"),
        ("fr", 12, "aujourd'hui entre midi et treize heures"),
        ("en", 11, "today between eleven and noon"),
        ("en", 12, "today between noon and one pm"),
        ("en", 9, "today between nine and ten am"),
        ("es", 12, "hoy entre las doce y la una de la tarde"),
        ("es", 11, "hoy entre las once y las doce del mediodía"),
    ],
)
def test_around_noon(lang: str, start: int, words: str) -> None:
    assert when(window(24, start, start + 1), NOW, PHRASES, lang) == words


@pytest.mark.parametrize(
    ("lang", "text", "place"),
    [
        ("fr", "demain matin", 1), ("fr", "plutôt l'après-midi", 2), ("fr", "aujourd'hui", 0),
        ("fr", "à seize heures", 0), ("fr", "le deuxième", 1), ("fr", "n'importe, dès que possible", 0),
        ("fr", "trois", 2), ("fr", "demain", None), ("fr", "je ne sais pas", None),
        ("en", "tomorrow morning please", 1), ("en", "the first one", 0), ("en", "today at four", 0),
        ("en", "the afternoon is better", 2), ("en", "whenever you like", 0), ("en", "number two", 1),
        ("es", "mañana por la mañana", 1), ("es", "por la tarde", 2), ("es", "hoy", 0), ("es", "la segunda", 1),
        ("es", "me da igual", 0),
        ("de", "morgen Vormittag", 1), ("de", "am Nachmittag", 2), ("de", "heute um vier", 0), ("de", "egal", 0),
        ("de", "der zweite Termin", 1),
        ("it", "domani mattina", 1), ("it", "nel pomeriggio", 2), ("it", "oggi", 0), ("it", "la seconda", 1),
        ("it", "quando volete", 0),
    ],
)  # fmt: skip
def test_which_one_is_meant(lang: str, text: str, place: int | None) -> None:
    windows = [FOUR, TOMORROW, AFTER]
    assert chosen(text, windows, NOW, lang) == (None if place is None else windows[place])


def test_the_day_of_the_week_is_a_day_too() -> None:
    assert chosen("el viernes por la mañana", [TOMORROW, FRIDAY], NOW, "es") == FRIDAY
    assert chosen("mañana", [TOMORROW, FRIDAY], NOW, "es") == TOMORROW
