"""`python -m tests.speech.whisper.tokens` writes voices/whisper-tokens.txt: the Whisper tokens our languages need.

wordfreq (Apache-2.0; its lists CC BY-SA 4.0) gives the frequency of a word, and Whisper's tokenizer its spelling.
Each language keeps the tokens that make up ``SHARE`` of its running text.  It also keeps words that are one token
with a capital: most are names, and wordfreq does not distinguish capitals.
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
"""Words rarer than one in a million are left out."""
RAREST_NAME = 1e-5
CAPITAL = " {capital}"
FORMS = {" {}": 0.93, CAPITAL: 0.05, "{}": 0.02}
"""The forms of a word in a text and their shares: after a space, with a capital, after an apostrophe or a hyphen."""
HEAD = f"""\
# Tokens of Whisper that make up {SHARE:.0%} of running text in each of our languages, and names.
# Made by `python -m tests.speech.whisper.tokens` from the word frequencies of wordfreq (CC BY-SA 4.0).
"""


def needed() -> list[str]:
    """Return the tokens that our languages need, in the order of the model's vocabulary."""
    spelling = mended(json.loads((MODEL / "tokenizer.json").read_bytes()))
    kept = {token for lang in LANGUAGES for token in _of(lang, spelling)}
    return sorted(kept, key=spelling["model"]["vocab"].__getitem__)


def _of(lang: str, spelling: dict[str, object]) -> Iterator[str]:
    words = {word: share for word, share in wordfreq.get_frequency_dict(lang).items() if share >= RAREST}
    frequencies = Counter[str]()
    for form, share in FORMS.items():
        written = [form.format(word, capital=word.capitalize()) for word in words]
        for tokens, frequency in zip(spelled(spelling, written), words.values(), strict=True):
            for token in tokens:
                frequencies[token] += frequency * share  # type: ignore[assignment]
            if form == CAPITAL and len(tokens) == 1 and frequency >= RAREST_NAME:
                yield tokens[0]
    left = SHARE * sum(frequencies.values())
    for token, frequency in frequencies.most_common():
        if left <= 0:
            return
        left -= frequency
        yield token


if __name__ == "__main__":
    (ROOT / TOKENS).write_text(HEAD + "".join(f"{token}\n" for token in needed()), "utf-8")
