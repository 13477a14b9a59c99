"""The same sound gives the same text, certainty and end of turn in every process, and the same decision on every
processor."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping
from pathlib import Path

import pytest

from ivr.content.callflow import GateSettings, load_callflow
from ivr.content.faq import load_faq
from ivr.core.audio import read_audio, through_g711, write_wav
from ivr.core.settings import Settings
from ivr.core.text import normalise
from ivr.nlu.classifier import Intent
from ivr.nlu.gate import Decision, decide
from ivr.speech.caller_voices import speak
from ivr.speech.end_of_turn import with_endpointing
from ivr.speech.engines import ByLanguage
from ivr.speech.stt import CLEAR, DOUBTFUL, FINISHED, SURELY_FINISHED, Transcript
from ivr.speech.stt_vosk import Vosk
from ivr.speech.whisper.recogniser import Whisper
from tests.speech.elsewhere import Found, hear, heard_elsewhere
from tests.speech.engines import GOLDEN, ROOT

THREADS: list[Mapping[str, str]] = [
    {},
    {"OPENBLAS_NUM_THREADS": "1"},
    {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "1"},
    {"OPENBLAS_NUM_THREADS": "4", "OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "4"},
]
KERNELS: Mapping[str, Mapping[str, str]] = {
    "old": {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": "X86_V3",
            "CT2_FORCE_CPU_ISA": "GENERIC", "ONEDNN_MAX_CPU_ISA": "SSE41"},
    "AVX2": {"OPENBLAS_CORETYPE": "Haswell", "CT2_FORCE_CPU_ISA": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "Intel": {"OPENBLAS_CORETYPE": "Haswell", "CT2_USE_MKL": "1"},
    "old Intel": {"OPENBLAS_CORETYPE": "Nehalem", "CT2_USE_MKL": "1", "MKL_CBWR": "COMPATIBLE"},
}  # fmt: skip
"""Other processors: what the libraries are told to compute with.  ONNX Runtime cannot be told."""
FARTHEST = 0.15
"""Certainties of these sounds on two processors differ by less; of fifty questions' one did not (docs/speech.md)."""
ASKED = {
    "de": "Wann hat der Louvre geöffnet?",
    "en": "How do I get to the airport by train?",
    "es": "¿Dónde puedo comprar los billetes?",
    "fr": "Combien coûte un ticket de métro ?",
    "it": "Quanto costa il biglietto per la torre?",
}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory, installed: Settings) -> Path:
    """Recordings, two of them broken off, too, and a question in each language over the telephone."""
    folder = tmp_path_factory.mktemp("sounds")
    for path in GOLDEN.iterdir():
        (folder / path.name).symlink_to(path)
    for name in ("en-museum", "fr-louvre"):
        pcm = read_audio(GOLDEN / f"{name}.wav")
        write_wav(folder / f"{name}-broken.wav", pcm[: len(pcm) * 6 // 20 * 2])
    for lang, text in ASKED.items():
        write_wav(folder / f"{lang}-asked.wav", through_g711(speak(lang, text, "low", installed)))
    return folder


@pytest.fixture(scope="module")
def usual(sounds: Path) -> dict[str, Found]:
    return heard_elsewhere(sounds, THREADS[0])


@pytest.mark.parametrize("threads", THREADS[1:], ids=str)
def test_any_number_of_threads_hears_the_same(
    sounds: Path, usual: dict[str, Found], threads: Mapping[str, str]
) -> None:
    assert heard_elsewhere(sounds, threads) == usual


async def test_this_process_hears_the_same_too(
    installed: Settings, whisper: Whisper, vosk: Vosk, sounds: Path, usual: dict[str, Found]
) -> None:
    """In pieces of any length."""
    engine = with_endpointing(installed, ByLanguage([vosk, whisper]))
    for name, found in usual.items():
        for length in (320, 100_000):
            assert await hear(engine, sounds / name, length) == found, name


@pytest.mark.parametrize("kernels", KERNELS)
def test_other_processors_decide_the_same(sounds: Path, usual: dict[str, Found], kernels: str) -> None:
    """All but what lies at a threshold, where the last digit decides."""
    limits = load_callflow(ROOT).gate
    for name, there in heard_elsewhere(sounds, KERNELS[kernels]).items():
        here = usual[name]
        assert (there.features, there.quieter) == (here.features, here.quieter), name
        one, other = here.well, there.well
        assert one.lang == other.lang
        assert other.confidence == pytest.approx(one.confidence, abs=FARTHEST), name
        if one.confidence >= CLEAR:
            assert normalise(other.text) == normalise(one.text), name
        if not _at_a_threshold(one.confidence, limits):
            assert _decisions(other, limits) == _decisions(one, limits), name
        assert (one.finished is None) == (other.finished is None), name
        if one.finished is not None and other.finished is not None:
            assert other.finished == pytest.approx(one.finished, abs=0.01), name
            patience = (DOUBTFUL, FINISHED, SURELY_FINISHED)
            assert bisect(patience, other.finished) == bisect(patience, one.finished), name


def test_most_sounds_are_not_at_a_threshold(usual: dict[str, Found]) -> None:
    """Nor unheard: the test above has something to compare."""
    limits = load_callflow(ROOT).gate
    decided = [found for found in usual.values() if not _at_a_threshold(found.well.confidence, limits)]
    assert len(decided) > len(usual) / 2 and sum(found.well.confidence >= CLEAR for found in decided) >= 3


def _at_a_threshold(confidence: float, limits: GateSettings) -> bool:
    heard = limits.heard
    return any(abs(confidence - edge) < FARTHEST for edge in (heard.lost, heard.poor, heard.sure))


def _decisions(heard: Transcript, limits: GateSettings) -> list[Decision]:
    """What the gate would do, by how certain the meaning is."""
    kinds = load_faq(ROOT).kinds
    return [
        decide(
            heard.confidence,
            Intent.of([("eiffel.price", sure), ("oos", 1 - sure)]),
            limits,
            kinds,
            heard.lang,
        ).decision
        for sure in (0.3, 0.6, 0.75, 0.9, 0.99)
    ]
