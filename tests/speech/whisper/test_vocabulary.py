"""Whisper with fewer tokens spells our languages and content as the whole model does."""

from __future__ import annotations

import json

import pytest
from tokenizers import Tokenizer

from ivr.content.faq import load_faq
from ivr.core.text import LANGUAGES
from ivr.speech.whisper.vocabulary import listed, mended, reduced, spelled
from tests.speech.engines import ROOT
from tests.speech.whisper.tokens import MODEL, needed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return reduced(MODEL, ROOT)


def test_the_list_is_what_the_languages_need() -> None:
    assert listed(ROOT) == needed()


def test_half_of_the_tokens_are_left(files: dict[str, bytes]) -> None:
    left = files["vocabulary.txt"].count(b"\n")
    assert 20_000 < left < 27_000
    assert len(files["model.bin"]) == pytest.approx(
        (MODEL / "model.bin").stat().st_size - (51_865 - left) * 512 * 2, abs=1
    )


def test_what_the_office_writes_is_spelled_as_before(files: dict[str, bytes]) -> None:
    faq = load_faq(ROOT)
    texts = [f" {text}" for lang in LANGUAGES for _, text in faq.examples(lang)]
    texts += [f" {faq.hotwords(lang)}" for lang in LANGUAGES]
    before = spelled(mended(json.loads((MODEL / "tokenizer.json").read_bytes())), texts)
    after = spelled(json.loads(files["tokenizer.json"]), texts)
    changed = [text for text, old, new in zip(texts, before, after, strict=True) if old != new]
    assert len(texts) > 5000
    assert len(changed) < len(texts) / 500, changed


NAMES = ["Peter Miller", "Marie Martin", "Jean Dupont", "Anna Schmidt", "Carlos García", "Paolo Ferrari"]


def test_names_are_spelled_as_before(files: dict[str, bytes]) -> None:
    whole = mended(json.loads((MODEL / "tokenizer.json").read_bytes()))
    names = [f" {name}" for name in NAMES]
    assert list(spelled(json.loads(files["tokenizer.json"]), names)) == list(spelled(whole, names))


def test_any_word_can_be_spelled(files: dict[str, bytes]) -> None:
    spelling = Tokenizer.from_buffer(files["tokenizer.json"])
    text = " Gänsefüßchen, Łódź, Ελλάδα, 東京"
    assert spelling.decode(spelling.encode(text, add_special_tokens=False).ids) == text
