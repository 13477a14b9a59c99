"""What only Whisper does: languages compete, hot words help, repetitions are removed."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from ivr.content.faq import load_faq
from ivr.core.audio import read_audio, silence, through_g711
from ivr.core.errors import RecogniserError, UnknownModel
from ivr.speech.caller_voices import caller_wav
from ivr.speech.whisper.modelfile import in_8_bits
from ivr.speech.whisper.recogniser import Whisper, confidence, favoured, once
from tests.speech.engines import GOLDEN, ROOT
from tests.speech.whisper.tokens import MODEL

pytestmark = pytest.mark.slow


def test_only_the_offered_languages_compete(whisper: Whisper) -> None:
    english, french = read_audio(GOLDEN / "en-museum.wav"), read_audio(GOLDEN / "fr-louvre.wav")
    assert whisper.decode_now(english, ("fr", "en", "es", "de", "it")).lang == "en"
    assert whisper.decode_now(french, ("fr", "en", "es", "de", "it")).lang == "fr"
    assert whisper.decode_now(english, ("fr", "de")).lang in ("fr", "de")


@pytest.mark.parametrize(
    ("offered", "spoken"), [("it es fr", "it"), ("es it fr", "es"), ("fr it es", "es"), ("fr", "fr")]
)
def test_a_near_tie_goes_to_the_language_of_the_callers_country(offered: str, spoken: str) -> None:
    assert favoured({"es": 0.58, "it": 0.30, "fr": 0.02, "pt": 0.1}, offered.split()) == spoken


def test_hot_words_bring_a_name_out(whisper: Whisper) -> None:
    french = read_audio(GOLDEN / "fr-louvre.wav")
    assert "Louvre" in whisper.decode_now(french, ("fr",), "musée du Louvre, Orsay, Navigo").text


@pytest.mark.parametrize(("lang", "word", "voice"), [("de", "Ja.", "low"), ("es", "No.", "ef_dora")])
def test_hot_words_bring_a_lone_yes_or_no_out(whisper: Whisper, lang: str, word: str, voice: str) -> None:
    line = silence(0.1) + through_g711(read_audio(caller_wav(lang, word, voice))) + silence(0.4)
    heard = whisper.decode_now(line, (lang,), load_faq(ROOT).hotwords(lang))
    assert (heard.text, heard.confidence > 0.4) == (word, True)


async def test_a_quick_listening_hears_a_clear_question_as_well(whisper: Whisper) -> None:
    utterance = whisper.utterance(["en"], "Louvre, Eiffel Tower")
    utterance.feed(read_audio(GOLDEN / "en-eiffel.wav"))
    quick, well = await utterance.quick(), await utterance.decode()
    assert quick is not None and quick.text == well.text and quick.lang == well.lang
    assert quick.confidence == pytest.approx(well.confidence, abs=0.1)


async def test_what_was_said_since_a_quick_listening_is_heard(whisper: Whisper) -> None:
    question = read_audio(GOLDEN / "en-eiffel.wav")
    utterance = whisper.utterance(["en"])
    utterance.feed(question[: len(question) // 4 * 2])
    half = await utterance.quick()
    assert half is not None
    utterance.feed(question[len(question) // 4 * 2 :])
    assert "Eiffel" in (await utterance.decode()).text and "Eiffel" not in half.text


def test_the_pause_after_the_question_does_not_change_it(whisper: Whisper) -> None:
    question = read_audio(GOLDEN / "en-eiffel.wav")
    texts = {whisper.decode_now(question + silence(s), ("en",)).text for s in (0.0, 0.3, 0.7, 2.0)}
    assert texts == {"How much is a ticket for the Eiffel Tower?"}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Hold on, I'm writing. Hold on, I'm writing. Hold on", "Hold on, I'm writing."),
        ("Who is the mayor? Who is the mayor?", "Who is the mayor?"),
        ("No, no, no.", "No, no, no."),
        ("no no", "no no"),
        ("one two one two", "one two one two"),
        ("Is it open? It is open?", "Is it open? It is open?"),
        ("How much is it?", "How much is it?"),
        ("", ""),
    ],
)
def test_a_sentence_said_again_and_again_is_kept_once(text: str, kept: str) -> None:
    assert once(text) == kept


def test_confidence_is_a_probability_that_rises() -> None:
    levels = [confidence(logprob) for logprob in (-1.0, -0.8, -0.5, -0.3, -0.1)]
    assert levels == sorted(levels) and 0 < levels[0] < 0.25 and 0.8 < levels[-1] <= 1


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecogniserError, match="ivr models pull"):
        Whisper(tmp_path, ("en",), ROOT)


def quantised(whole: bytes) -> bytes:
    """The model as an int8 conversion stores it: one matrix is enough."""
    return in_8_bits(whole, lambda name: name == "decoder/layer_0/ffn/linear_0/weight")


def with_other_features(whole: bytes) -> bytes:
    """The model with a first layer that takes 40 features."""
    taken, other = struct.pack("<B3I", 3, 512, 80, 3), struct.pack("<B3I", 3, 512, 40, 6)
    assert whole.count(taken) == 1
    return whole.replace(taken, other)


def with_fewer_positions(whole: bytes) -> bytes:
    """The model with a position table for less than 30 s."""
    return whole.replace(struct.pack("<B2I", 2, 1500, 512), struct.pack("<B2I", 2, 750, 1024))


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        (quantised, "ffn/linear_0/weight is quantised"),
        (with_other_features, "takes 40 features, not 80"),
        (with_fewer_positions, "out of bounds"),
        (lambda whole: whole[:20_000], "unknown shape"),
    ],
)
def test_a_model_that_would_be_misread_is_refused(
    changed: Callable[[bytes], bytes], complaint: str, tmp_path: Path
) -> None:
    for name in ("tokenizer.json", "vocabulary.txt", "config.json"):
        (tmp_path / name).symlink_to(MODEL / name)
    (tmp_path / "model.bin").write_bytes(changed((MODEL / "model.bin").read_bytes()))
    with pytest.raises(UnknownModel, match=complaint):
        Whisper(tmp_path, ("en",), ROOT)
