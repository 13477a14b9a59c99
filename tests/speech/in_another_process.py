"""Recognition of a folder of sounds in another process: ``python -m tests.speech.in_another_process FOLDER``.

The environment holds the settings of the numerical libraries.  The process prints a JSON line for each sound
(``<lang>-<name>.wav`` or ``.flac``) with all results up to the transcripts.  Vosk recognises Korean, Whisper the
other languages.  The length of the pieces that are fed depends on the process number.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ivr.core.audio import read_audio
from ivr.core.settings import load
from ivr.core.text import LANGUAGES
from ivr.speech.denoise import without_noise
from ivr.speech.end_of_turn import with_endpointing
from ivr.speech.engines import ByLanguage
from ivr.speech.mel import log_mel
from ivr.speech.stt import Recogniser, Transcript
from ivr.speech.stt_vosk import Vosk
from ivr.speech.whisper.recogniser import Whisper
from ivr.speech.whisper.window import CUT

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Results:
    """What was computed from one sound.

    features, denoised: hashes of the features and of the audio with its noise suppressed.
    quick, decoded: the transcripts of ``Utterance.quick`` and ``Utterance.decode``.
    """

    features: str
    denoised: str
    quick: Transcript | None
    decoded: Transcript


def recognise_in_another_process(folder: Path, environment: Mapping[str, str]) -> dict[str, Results]:
    """Return the results for each file name in ``folder``.

    environment: variables of the process; it inherits all others, except numbers of threads.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    finished = subprocess.run(
        [sys.executable, "-m", "tests.speech.in_another_process", str(folder)], cwd=ROOT, check=True, text=True,
        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env={**inherited, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip
    results: dict[str, Results] = {}
    for line in finished.stdout.splitlines():
        name, features, denoised, quick, decoded = json.loads(line)
        results[name] = Results(features, denoised, quick and Transcript(**quick), Transcript(**decoded))
    return results


async def recognise(engine: Recogniser, path: Path, length: int) -> Results:
    """Return the results of ``engine`` for a sound that is fed in pieces of ``length`` bytes."""
    pcm = read_audio(path)
    utterance = engine.utterance([path.name[:2]])
    for start in range(0, len(pcm), length):
        utterance.feed(pcm[start : start + length])
        await asyncio.sleep(0)
    features = CUT.features(log_mel, pcm).tobytes()
    hashes = [hashlib.sha256(content).hexdigest() for content in (features, without_noise(pcm))]
    return Results(hashes[0], hashes[1], await utterance.quick(), await utterance.decode())


async def _recognise_all(sounds: Sequence[Path]) -> None:
    settings = load(root=ROOT)
    whisper = Whisper(settings.models / "whisper-base", LANGUAGES, ROOT)
    engine = with_endpointing(settings, ByLanguage([Vosk({"ko": settings.models / "vosk-ko"}), whisper]))
    for path in sounds:
        results = await recognise(engine, path, 640 + os.getpid() % 1000 * 2)
        quick, decoded = results.quick and vars(results.quick), vars(results.decoded)
        row = [path.name, results.features, results.denoised, quick, decoded]
        sys.stdout.write(json.dumps(row) + "\n")
    await engine.close()


if __name__ == "__main__":
    asyncio.run(_recognise_all(sorted(Path(sys.argv[1]).iterdir())))
