"""Text normalisation for training, understanding and comparison."""

from __future__ import annotations

import re
import unicodedata

LANGUAGES = ("fr", "en", "es", "de", "it")

_SIGNS = {"€": " euro ", "£": " pound ", "$": " dollar ", "%": " percent ", "+": " plus ", "&": " and "}
_DIGIT_EDGE = re.compile(r"(?<=\d)(?=[^\W\d])|(?<=[^\W\d])(?=\d)")
_OTHERS = re.compile(r"[^\w']+|_+")
_LETTERS = re.compile(r"[^a-z0-9]+")


def fold(text: str) -> str:
    """Return lower case without accents: ``Sacré-Cœur`` -> ``sacre-coeur``, ``Straße`` -> ``strasse``."""
    folded = unicodedata.normalize("NFKD", text.casefold().replace("œ", "oe").replace("æ", "ae"))
    return "".join(sign for sign in folded if not unicodedata.combining(sign))


def spoken(text: str) -> str:
    """Return the text that the intent model is trained on and queried with.

    It is in lower case without punctuation.  Accents stay because the sentence encoder knows them; apostrophes stay
    because they separate words (``l'entrée``).
    """
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    plain = unicodedata.normalize("NFC", text.casefold()).replace("\u2019", "'")
    return " ".join(_OTHERS.sub(" ", _DIGIT_EDGE.sub(" ", plain)).split())


def normalise(text: str) -> str:
    """Return the words of ``text`` in ``a`` to ``z`` and digits, separated by one space, for comparison.

    Recognisers differ in case, accents, hyphens, apostrophes and punctuation, so none of these is kept.
    """
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    return _LETTERS.sub(" ", _DIGIT_EDGE.sub(" ", fold(text))).strip()
