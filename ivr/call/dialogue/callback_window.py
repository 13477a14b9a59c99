"""Callback windows as words, and the window that a caller's words mean.  Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from num2words import num2words

from ivr.call.dialogue.number_words import numbers_in
from ivr.content.callflow.callback_windows import CallbackWindow
from ivr.content.phrases import Phrase, Phrases
from ivr.core.text import normalise

WEEKDAYS = {
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche".split(),
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    "es": "el_lunes el_martes el_miércoles el_jueves el_viernes el_sábado el_domingo".split(),
    "de": "am_Montag am_Dienstag am_Mittwoch am_Donnerstag am_Freitag am_Samstag am_Sonntag".split(),
    "it": "lunedì martedì mercoledì giovedì venerdì sabato domenica".split(),
}
TODAY = {
    "fr": "aujourd'hui", "en": "today", "es": "hoy", "de": "heute", "it": "oggi",
}  # fmt: skip
TOMORROW = {"fr": "demain", "en": "tomorrow", "es": "mañana", "de": "morgen", "it": "domani"}
MORNING = {
    "fr": ("matin", "matinee"), "en": ("morning",), "es": ("por la manana", "de la manana"),
    "de": ("vormittag", "fruh", "morgens", "vormittags"), "it": ("mattina", "mattinata", "mattino"),
}  # fmt: skip
AFTERNOON = {
    "fr": ("apres midi",), "en": ("afternoon",), "es": ("por la tarde", "de la tarde"),
    "de": ("nachmittag", "nachmittags"), "it": ("pomeriggio",),
}  # fmt: skip
ORDINALS = {
    "fr": ("premier premiere", "deuxieme second seconde", "troisieme dernier derniere"),
    "en": ("first", "second", "third last"),
    "es": ("primero primera primer", "segundo segunda", "tercero tercera ultimo ultima"),
    "de": ("erste ersten erster erstes", "zweite zweiten zweiter zweites", "dritte dritten letzte letzten"),
    "it": ("primo prima", "secondo seconda", "terzo terza ultimo ultima"),
}
ANY = {
    "fr": ("n importe", "egal", "quand vous voulez", "des que possible", "au plus vite", "plus tot"),
    "en": ("any time", "anytime", "whenever", "don t mind", "as soon as", "earliest", "either"),
    "es": ("cuando", "da igual", "lo antes posible", "cualquiera"),
    "de": ("egal", "irgendwann", "so bald", "sobald", "so schnell", "jederzeit"),
    "it": ("quando volete", "quando vuole", "uguale", "indifferente", "al piu presto", "qualsiasi"),
}
"""Words for "the first one will do"."""


def when(window: CallbackWindow, now: dt.datetime, phrases: Phrases, lang: str) -> str:
    """Return a window as words in ``lang``, without a full stop: "tomorrow morning".

    now: the time at the office, for "today" and "tomorrow".
    """
    day = _day(window.start.date(), now.date(), lang)
    if window.part:
        return phrases.text(lang, Phrase(f"window_{window.part}"), day=day)
    start, end = _hours(window.start.hour, window.end.hour, lang)
    return phrases.text(lang, Phrase.WINDOW_HOURS, day=day, start=start, end=end)


def chosen(
    text: str, windows: Sequence[CallbackWindow], now: dt.datetime, lang: str
) -> CallbackWindow | None:
    """Return the one of ``windows`` that ``text`` names; None where it names none, or several.

    now: the time at the office.  lang: the language of ``text``.
    """
    words = f" {normalise(text)} "
    scores = [_fits(words, index, window, now, lang) for index, window in enumerate(windows)]
    best = max(scores)
    if best > 0 and scores.count(best) == 1:
        return windows[scores.index(best)]
    numbers = numbers_in(words, lang)
    if not best and len(numbers) == 1 and min(numbers) in range(1, len(windows) + 1):
        return windows[min(numbers) - 1]  # "two": the key, spoken
    return windows[0] if _any(words, ANY[lang]) else None


def _fits(words: str, index: int, window: CallbackWindow, now: dt.datetime, lang: str) -> int:
    """A score of what ``words`` name of a window: its place in the list, its day, its hours."""
    named = _any(words, ORDINALS[lang][index].split())
    return 2 * named + 2 * _on_day(words, window, now, lang) + _at(words, window, lang)


def _on_day(words: str, window: CallbackWindow, now: dt.datetime, lang: str) -> bool:
    day = window.start.date()
    if lang == "es":  # "mañana por la mañana": the first word is the day
        words = words.replace(" por la manana ", " ").replace(" de la manana ", " ")
    ahead = (day - now.date()).days
    relative = {0: TODAY[lang], 1: TOMORROW[lang]}.get(ahead)
    name = WEEKDAYS[lang][day.weekday()].rpartition("_")[2]
    return _any(words, [normalise(word) for word in (name, relative) if word])


def _at(words: str, window: CallbackWindow, lang: str) -> int:
    if window.part:
        return _any(words, (MORNING if window.part == "morning" else AFTERNOON)[lang])
    hours = {window.start.hour, window.start.hour % 12, window.start.hour % 12 or 12}
    return bool(numbers_in(words, lang) & hours)


def _any(words: str, entries: Sequence[str]) -> bool:
    return any(f" {entry} " in words for entry in entries)


def _day(day: dt.date, today: dt.date, lang: str) -> str:
    relative = {0: TODAY[lang], 1: TOMORROW[lang]}.get((day - today).days)
    return relative or WEEKDAYS[lang][day.weekday()].replace("_", " ")


def _hours(start: int, end: int, lang: str) -> tuple[str, str]:
    """The two hours as they follow "between" in a sentence of that language."""
    match lang:
        case "fr":
            return _french(start, alone=end == 12), _french(end, alone=True)
        case "en":
            return _of_twelve(start, "en", "noon"), _of_twelve(end, "en", "noon") + _pm(end)
        case "es":
            return _spanish(start), f"{_spanish(end)} {_part_of_day(end)}"
        case "it":
            return _italian(start), _italian(end)
    return num2words(start, lang=lang), num2words(end, lang=lang)


def _french(hour: int, *, alone: bool) -> str:
    if hour == 12:
        return "midi"
    words = "une" if hour == 1 else num2words(hour, lang="fr").replace("et un", "et une")
    return f"{words} heures" if alone else words


def _of_twelve(hour: int, lang: str, noon: str) -> str:
    return noon if hour == 12 else num2words(hour % 12 or 12, lang=lang)


def _pm(hour: int) -> str:
    return "" if hour == 12 else " am" if hour < 12 else " pm"


def _spanish(hour: int) -> str:
    twelve = hour % 12 or 12
    return "la una" if twelve == 1 else f"las {num2words(twelve, lang='es')}"


def _part_of_day(hour: int) -> str:
    return "de la mañana" if hour < 12 else "del mediodía" if hour == 12 else (
        "de la tarde" if hour < 21 else "de la noche"
    )  # fmt: skip


def _italian(hour: int) -> str:
    return "l'una" if hour == 1 else f"le {num2words(hour, lang='it')}"
