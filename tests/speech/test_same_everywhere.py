"""Repeatable recognition: equal results in every process, and equal decisions on every processor.

The results are the text, the confidence and the end of turn.
"""

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
from tests.speech.engines import GOLDEN, ROOT
from tests.speech.in_another_process import Results, recognise, recognise_in_another_process

pytestmark = pytest.mark.slow

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
"""Settings by which the libraries compute as on other processors.  ONNX Runtime has no such setting."""
FARTHEST = 0.15
"""Confidences on two processors differ by less, with one exception in fifty questions (docs/speech.md)."""
ASKED = {
    "de": "Wann hat der Louvre geöffnet?",
    "en": "How do I get to the airport by train?",
    "es": "¿Dónde puedo comprar los billetes?",
    "fr": "Combien coûte un ticket de métro ?",
    "it": "Quanto costa il biglietto per la torre?",
}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory, installed: Settings) -> Path:
    """A folder with recordings, two of them also cut short, and a telephone question in each language."""
    folder = tmp_path_factory.mktemp("sounds")
    for path in GOLDEN.iterdir():
        (folder / path.name).symlink_to(path)
    for name in ("en-museum", "fr-louvre"):
        pcm = read_audio(GOLDEN / f"{name}.wav")
        write_wav(folder / f"{name}-cut.wav", pcm[: len(pcm) * 6 // 20 * 2])
    for lang, text in ASKED.items():
        write_wav(folder / f"{lang}-asked.wav", through_g711(speak(lang, text, "low", installed)))
    return folder


@pytest.fixture(scope="module")
def usual(sounds: Path) -> dict[str, Results]:
    return recognise_in_another_process(sounds, THREADS[0])


@pytest.mark.parametrize("threads", THREADS[1:], ids=str)
def test_results_do_not_depend_on_the_number_of_threads(
    sounds: Path, usual: dict[str, Results], threads: Mapping[str, str]
) -> None:
    assert recognise_in_another_process(sounds, threads) == usual


async def test_results_do_not_depend_on_the_process_or_on_the_lengths_of_pieces(
    installed: Settings, whisper: Whisper, vosk: Vosk, sounds: Path, usual: dict[str, Results]
) -> None:
    engine = with_endpointing(installed, ByLanguage([vosk, whisper]))
    for name, results in usual.items():
        for length in (320, 100_000):
            assert await recognise(engine, sounds / name, length) == results, name


@pytest.mark.parametrize("kernels", KERNELS)
def test_other_processors_decide_the_same(sounds: Path, usual: dict[str, Results], kernels: str) -> None:
    """Except close to a threshold, where the last digit decides."""
    limits = load_callflow(ROOT).gate
    for name, there in recognise_in_another_process(sounds, KERNELS[kernels]).items():
        here = usual[name]
        assert (there.features, there.denoised) == (here.features, here.denoised), name
        one, other = here.decoded, there.decoded
        assert one.lang == other.lang
        assert other.confidence == pytest.approx(one.confidence, abs=FARTHEST), name
        if one.confidence >= CLEAR:
            assert normalise(other.text) == normalise(one.text), name
        if not _at_a_threshold(one.confidence, limits):
            assert _decisions(other, limits) == _decisions(one, limits), name
        assert (one.finished is None) == (other.finished is None), name
        if one.finished is not None and other.finished is not None:
            assert other.finished == pytest.approx(one.finished, abs=0.01), name
            steps = (DOUBTFUL, FINISHED, SURELY_FINISHED)
            assert bisect(steps, other.finished) == bisect(steps, one.finished), name


def test_most_sounds_are_not_at_a_threshold(usual: dict[str, Results]) -> None:
    """And some are clear, so the test above compares something."""
    limits = load_callflow(ROOT).gate
    confidences = [results.decoded.confidence for results in usual.values()]
    decided = [confidence for confidence in confidences if not _at_a_threshold(confidence, limits)]
    assert len(decided) > len(usual) / 2 and sum(confidence >= CLEAR for confidence in decided) >= 3


def _at_a_threshold(confidence: float, limits: GateSettings) -> bool:
    levels = limits.heard
    return any(abs(confidence - level) < FARTHEST for level in (levels.lost, levels.poor, levels.sure))


def _decisions(transcript: Transcript, limits: GateSettings) -> list[Decision]:
    """The gate's decisions for rising certainties of the meaning."""
    kinds = load_faq(ROOT).kinds
    return [
        decide(
            transcript.confidence,
            Intent.of([("eiffel.price", sure), ("oos", 1 - sure)]),
            limits,
            kinds,
            transcript.lang,
        ).decision
        for sure in (0.3, 0.6, 0.75, 0.9, 0.99)
    ]
