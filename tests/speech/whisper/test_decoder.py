"""The decoder on ONNX Runtime finds the same texts as CTranslate2 with the same model and rules."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_whisper import WhisperModel
from faster_whisper.transcribe import get_suppressed_tokens

from ivr.content.faq import load_faq
from ivr.core.audio import read_audio, seconds
from ivr.core.text import LANGUAGES
from ivr.speech.whisper.beam_search import Rules, Text, likeliest
from ivr.speech.whisper.decoder import Decoder, EncodedAudio, Rows
from ivr.speech.whisper.modelfile import variables, with_rows
from ivr.speech.whisper.recogniser import rules
from ivr.speech.whisper.vocabulary import ROWS, reduced
from ivr.speech.whisper.window import POSITIONS, EncoderWindow
from tests.speech.engines import GOLDEN, ROOT
from tests.speech.whisper.tokens import MODEL

pytestmark = pytest.mark.slow

SPOKEN = ("en-museum", "en-eiffel", "fr-louvre")
WHOLE = EncoderWindow(after_s=4.5)
"""A window for a model whose position table is in its own order: it needs this much silence."""


@dataclass
class Both:
    """One model in both engines.  CTranslate2 computes in 32 bits."""

    theirs: WhisperModel
    ours: Decoder

    def sound(self, pcm: bytes) -> Any:
        return self.theirs.encode(WHOLE.features(self.theirs.feature_extractor, pcm))

    def heard(self, pcm: bytes) -> EncodedAudio:
        return self.ours.hear(np.array(self.sound(pcm))[0])

    def rules(self, lang: str, hotwords: str = "") -> Rules:
        return rules(self.theirs, self.ours, lang, hotwords)[1]

    def never(self, lang: str) -> list[int]:
        return list(get_suppressed_tokens(rules(self.theirs, self.ours, lang, "")[0], [-1]))


@pytest.fixture(scope="module")
def both() -> Both:
    files = reduced(MODEL, ROOT)
    theirs = WhisperModel(str(MODEL), device="cpu", compute_type="float32", cpu_threads=1, files=files)
    return Both(theirs, Decoder(variables(files["model.bin"])))


@pytest.mark.parametrize("hot", [False, True])
@pytest.mark.parametrize("beam", [1, 5])
@pytest.mark.parametrize("name", SPOKEN)
def test_the_text_is_theirs(both: Both, name: str, beam: int, hot: bool) -> None:
    pcm, lang = read_audio(GOLDEN / f"{name}.wav"), name[:2]
    allowed = both.rules(lang, load_faq(ROOT).hotwords(lang) if hot else "")
    ours = likeliest(both.ours, both.heard(pcm), allowed, beam, 60)
    theirs = both.theirs.model.generate(
        both.sound(pcm), [allowed.prompt], beam_size=beam, suppress_tokens=both.never(lang),
        return_scores=True, return_no_speech_prob=True,
    )[0]  # fmt: skip
    written = [
        both.theirs.hf_tokenizer.decode(list(tokens)) for tokens in (ours.tokens, theirs.sequences_ids[0])
    ]
    assert written[0] == written[1] != ""
    assert ours.score / len(ours.tokens) == pytest.approx(theirs.scores[0], abs=0.05)
    assert ours.no_speech == pytest.approx(theirs.no_speech_prob, abs=0.1)


def test_the_language_is_theirs(both: Both) -> None:
    numbers = {lang: both.theirs.hf_tokenizer.token_to_id(f"<|{lang}|>") for lang in LANGUAGES}
    start = both.theirs.hf_tokenizer.token_to_id("<|startoftranscript|>")
    for name in SPOKEN:
        pcm = read_audio(GOLDEN / f"{name}.wav")
        ours = both.ours.likeliest(both.heard(pcm), start, list(numbers.values()))
        theirs = {token[2:-2]: p for token, p in both.theirs.model.detect_language(both.sound(pcm))[0]}
        of_five = sum(theirs[lang] for lang in LANGUAGES)
        for lang, number in numbers.items():
            assert ours[number] == pytest.approx(theirs[lang] / of_five, abs=0.02)


def test_texts_side_by_side_are_weighed_as_each_alone(both: Both) -> None:
    """The tokens of one text are hidden from the other."""
    ours, allowed = both.ours, both.rules("en")
    heard, length = both.heard(read_audio(GOLDEN / "en-museum.wav")), len(allowed.prompt)
    words = both.theirs.hf_tokenizer.encode(" the museum", add_special_tokens=False).ids
    prompt = Rows(allowed.prompt, range(length), np.tri(length, dtype=bool), [length - 1])
    begun = ours.read(heard, ours.empty, prompt, allowed.never, 4).cache
    visible = np.ones((2, length + 2), bool)
    visible[0, -1] = visible[1, -2] = False
    pair = ours.read(heard, begun, Rows(words[:2], [length] * 2, visible, [0, 1]), allowed.never, 4)
    for row in range(2):
        one = Rows([words[row]], [length], np.ones((1, length + 1), bool), [0])
        alone = ours.read(heard, begun, one, allowed.never, 4)
        assert pair.tokens[row].tolist() == alone.tokens[0].tolist()
        assert pair.scores[row] == pytest.approx(alone.scores[0], abs=1e-3)
    assert pair.cache.length == length + 2


def test_without_repeats_no_three_tokens_come_twice(both: Both) -> None:
    question = read_audio(GOLDEN / "en-eiffel.wav")
    heard, allowed = both.heard(question[: len(question) // 4 * 2] * 6), both.rules("en")

    def triples(text: Text) -> list[tuple[int, ...]]:
        return [text.tokens[at : at + 3] for at in range(len(text.tokens) - 2)]

    again, once = (likeliest(both.ours, heard, allowed, 5, 60, repeats=repeats) for repeats in (True, False))
    assert len(set(triples(again))) < len(triples(again))
    assert len(set(triples(once))) == len(triples(once)) > 5


def test_a_text_that_does_not_end_is_cut(both: Both) -> None:
    pcm = read_audio(GOLDEN / "en-eiffel.wav")
    assert seconds(pcm) > 3
    found = likeliest(both.ours, both.heard(pcm), both.rules("en"), 5, 4)
    assert len(found.tokens) == 4 and found.score < 0


def test_variables_are_read_as_they_stand(tmp_path: Path) -> None:
    whole = (MODEL / "model.bin").read_bytes()
    before, after = variables(whole), variables(with_rows(whole, {ROWS: [7, 3]}))
    assert before.keys() == after.keys() and before["decoder/num_heads"] == 8
    assert before[POSITIONS].shape == (1500, 512)
    assert (after[ROWS] == before[ROWS][[7, 3]]).all()
    assert (after[POSITIONS] == before[POSITIONS]).all()


def test_a_layer_that_lacks_a_part_is_named(both: Both) -> None:
    known = variables(reduced(MODEL, ROOT)["model.bin"])
    del known["decoder/layer_3/attention/linear_1/weight"]
    with pytest.raises(KeyError, match="decoder/layer_3/attention/linear_1/weight"):
        Decoder(known)
