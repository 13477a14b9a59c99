"""The words with which callers name a language, and the names of the telephone keys in each language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ivr.content.published import load
from ivr.core.text import normalise
from ivr.core.yamlfile import Document, Strict

FILE = Path("nlu/languages.yml")

FILLERS = frozenset(
    "a ah allo alors also and auf avec bin bitte bonjour buenas buenos buongiorno can ce con could danke de"
    " dias do du e eh en est et euh favor favore ganz gerne gracias grazie gut guten hablan hablar hablo hallo"
    " hello her hi hola i ich il im in is it ja je jetzt kann kannst konnen l la le lieber like m mal me mein"
    " mejor meme merci mi mit mochte morgen ok okay oui par parla parlare parlate parler parlez parlo per peut"
    " plait please podemos por possiamo posso pouvez pouvons prefer prefere preferisco prefiero prego pronto"
    " puede puedo puo que quiero s salve se si sie sir speak spreche sprechen tag talk thank thanks the to uh"
    " um un und une usted va vielen voglio vorrei votre voudrais vous want we well will wir with would y ya"
    " yeah yes you".split()
)
"""Words that may stand around the name of a language in an answer that only names it."""


NEGATIONS = frozenset("pas plus not t dont no ni kein keine keinen nicht non".split())
"""Beside one of these words, the language named may be the one that the caller does not speak."""


class LanguagesFile(Strict):
    """``nlu/languages.yml``: the words with which callers name each language."""

    fr: list[str]
    en: list[str]
    es: list[str]
    de: list[str]
    it: list[str]


def read(root: Path) -> Document[LanguagesFile]:
    """Return the file below ``root`` with its findings."""
    return load(root / FILE, LanguagesFile, root)


class LanguageNames:
    """Finds the language that a caller names."""

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        self._by_word = {normalise(word): lang for lang, words in names.items() for word in words}

    @classmethod
    def load(cls, root: Path) -> LanguageNames:
        """Return the names in the file below ``root``; raises ConfigError when the file has errors."""
        return cls(read(root).checked("the names of languages").model_dump())

    def named_in(self, text: str) -> str | None:
        """Return the language that ``text`` names, if it says nothing else ("English, please").

        None for "an Italian restaurant", for two languages and for none.
        """
        words = normalise(text).split()
        named, rest = self._split(words)
        return named if all(word in FILLERS for word in rest) else None

    def meant_in(self, text: str) -> str | None:
        """Return the language named in the words of a caller who certainly asks for another language.

        None if they name none or several, or say which language they do not speak.
        """
        words = normalise(text).split()
        return None if NEGATIONS.intersection(words) else self._split(words)[0]

    def _split(self, words: list[str]) -> tuple[str | None, list[str]]:
        """Return the one language that is named, and the words outside its name."""
        found: set[str] = set()
        rest: list[str] = []
        while words:
            length = next((n for n in (4, 3, 2, 1) if " ".join(words[:n]) in self._by_word), 0)
            if length:
                found.add(self._by_word[" ".join(words[:length])])
            else:
                rest.append(words[0])
            words = words[length or 1 :]
        return (found.pop() if len(found) == 1 else None), rest


KEY_WORDS = {
    "fr": "zéro un deux trois quatre cinq six sept huit neuf étoile dièse".split(),
    "en": "zero one two three four five six seven eight nine star hash".split(),
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve asterisco almohadilla".split(),
    "de": "null eins zwei drei vier fünf sechs sieben acht neun Stern Raute".split(),
    "it": "zero uno due tre quattro cinque sei sette otto nove asterisco cancelletto".split(),
}


def key_word(key: str, lang: str) -> str:
    """Return the word for a telephone key (``0`` to ``9``, ``*``, ``#``) in ``lang``."""
    return KEY_WORDS[lang]["0123456789*#".index(key)]
