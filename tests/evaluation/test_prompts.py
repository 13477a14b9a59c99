"""The report of `ivr eval prompts`."""

from __future__ import annotations

import dataclasses

from ivr.evaluation.hearback import HeardBack
from ivr.evaluation.prompts import page, row_of
from ivr.evaluation.word_errors import WordErrors, compare
from ivr.speech.pronunciation import read
from tests.speech.engines import ROOT

SAY = read(ROOT, "fr")


def prompt(said: str, heard: str, lufs: float = -19.0) -> HeardBack:
    alike: WordErrors = compare(said, heard, SAY)
    return HeardBack(
        "fr", "pico", said, heard, alike.errors, alike.words, alike.misses, lufs, -1.5, 0, 0.4, 2.0
    )


PROMPTS = [
    prompt("Métro Anvers ou escaliers", "métro hiver ou escalier", -19.4),  # a name that is recognisable
    prompt("la ligne est ouverte", "la mini est ouverte"),
    prompt("le musée est fermé", "le musée est fermer"),  # sounds the same
    dataclasses.replace(prompt("réserver un billet", "préserver un billet", -18.8), text="<b>réserver</b>"),
]


def test_each_miss_is_of_a_kind() -> None:
    kinds = [[(miss.kind, miss.errors) for miss in one.misses] for one in PROMPTS]
    assert kinds == [
        [("name", 0), ("spelling", 0)], [("word", 1)], [("spelling", 0)], [("sound", 1)],
    ]  # fmt: skip


def test_a_row_sums_up_a_language() -> None:
    row = row_of("fr", PROMPTS)
    assert row.prompts == 4 and row.over_15 == 2 and row.over_40 == 0
    assert row.why == {"word": 1, "sound": 1}
    assert (row.lufs_min, row.lufs_max, row.gap_s) == (-19.4, -18.8, 0.4)
    assert row.wer == round(sum(one.wer for one in PROMPTS) / 4, 4)


def test_the_page_shows_what_counts_and_escapes_it() -> None:
    html = page([row_of("fr", PROMPTS)], PROMPTS)
    assert "<del>ligne</del>" in html and "<ins>mini</ins>" in html and "<del>réserver</del>" in html
    assert "&lt;b&gt;" in html and "<b>" not in html
    assert "<del>fermé</del>" not in html
