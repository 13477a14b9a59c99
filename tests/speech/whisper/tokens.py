"""`python -m tests.speech.whisper.tokens` writes voices/whisper-tokens.txt: the Whisper tokens our languages need.

How often a word is said is known from wordfreq (Apache-2.0; its lists CC BY-SA 4.0), how it is spelled from Whisper's
tokenizer.  Each language keeps the tokens that make up ``SHARE`` of its running text, and the words that are one
token when they have a capital: most are names, and wordfreq knows no capitals.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import wordfreq

from ivr.core.text import LANGUAGES
from ivr.speech.whisper.vocabulary import TOKENS, mended, spelled

ROOT = Path(__file__).parents[3]
MODEL = ROOT / "var/models/whisper-base"
SHARE = 0.96
RAREST = 1e-6
"""Of a million words, one."""
RAREST_NAME = 1e-5
CAPITAL = " {capital}"
FORMS = {" {}": 0.93, CAPITAL: 0.05, "{}": 0.02}
"""How a word stands in a text: most after a space, some with a capital, few after an apostrophe or a hyphen."""
HEAD = f"""\
# Tokens of Whisper that make up {SHARE:.0%} of running text in each of our languages, and names.
# Made by `python -m tests.speech.whisper.tokens` from the word frequencies of wordfreq (CC BY-SA 4.0).
"""


def needed() -> list[str]:
    """In the order of the model's vocabulary."""
    spelling = mended(json.loads((MODEL / "tokenizer.json").read_bytes()))
    kept = {token for lang in LANGUAGES for token in _of(lang, spelling)}
    return sorted(kept, key=spelling["model"]["vocab"].__getitem__)


def _of(lang: str, spelling: dict[str, object]) -> Iterator[str]:
    words = {word: often for word, often in wordfreq.get_frequency_dict(lang).items() if often >= RAREST}
    often = Counter[str]()
    for form, part in FORMS.items():
        written = [form.format(word, capital=word.capitalize()) for word in words]
        for tokens, frequency in zip(spelled(spelling, written), words.values(), strict=True):
            for token in tokens:
                often[token] += frequency * part  # type: ignore[assignment]
            if form == CAPITAL and len(tokens) == 1 and frequency >= RAREST_NAME:
                yield tokens[0]
    left = SHARE * sum(often.values())
    for token, frequency in often.most_common():
        if left <= 0:
            return
        left -= frequency
        yield token


if __name__ == "__main__":
    (ROOT / TOKENS).write_text(HEAD + "".join(f"{token}\n" for token in needed()), "utf-8")
