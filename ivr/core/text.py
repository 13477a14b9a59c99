"""Text as understanding sees it: one spelling, whatever a recogniser or a keyboard made of it."""

from __future__ import annotations

import re
import unicodedata

LANGUAGES = ("fr", "en", "es", "de", "it")

_SIGNS = {"€": " euro ", "£": " pound ", "$": " dollar ", "%": " percent ", "+": " plus ", "&": " and "}
_DIGIT_EDGE = re.compile(r"(?<=\d)(?=[^\W\d])|(?<=[^\W\d])(?=\d)")
_OTHERS = re.compile(r"[^\w']+|_+")
_LETTERS = re.compile(r"[^a-z0-9]+")


def fold(text: str) -> str:
    """Lower case without accents: ``Sacré-Cœur`` -> ``sacre-coeur``, ``Straße`` -> ``strasse``."""
    folded = unicodedata.normalize("NFKD", text.casefold().replace("œ", "oe").replace("æ", "ae"))
    return "".join(sign for sign in folded if not unicodedata.combining(sign))


def spoken(text: str) -> str:
    """Text as the model of intents is trained on and asked: lower case, no punctuation, accents kept.

    The sentence encoder knows accents; apostrophes stay, for they part words (``l'entrée``).
    """
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    plain = unicodedata.normalize("NFC", text.casefold()).replace("\u2019", "'")
    return " ".join(_OTHERS.sub(" ", _DIGIT_EDGE.sub(" ", plain)).split())


def normalise(text: str) -> str:
    """Words alone, separated by one space; the same for training, serving and comparing.

    Recognisers disagree on case, accents, hyphens, apostrophes and punctuation: none of it is kept.
    """
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    return _LETTERS.sub(" ", _DIGIT_EDGE.sub(" ", fold(text))).strip()
