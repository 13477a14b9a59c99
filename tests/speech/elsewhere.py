"""Hears sounds in a process of its own: ``python -m tests.speech.elsewhere FOLDER``, with the libraries' settings in
its environment.

Writes a JSON line for each sound of the folder (``<lang>-<name>.wav`` or ``.flac``): what was made of it on the way
to a decision.  Korean is heard by Vosk.  Pieces are of another length in each process.
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
class Found:
    """``features`` and ``quieter`` (noise taken away): hashes; ``quick`` and ``well``: the two listenings."""

    features: str
    quieter: str
    quick: Transcript | None
    well: Transcript


def heard_elsewhere(folder: Path, environment: Mapping[str, str]) -> dict[str, Found]:
    """What a process with these variables, and no other number of threads, makes of each sound."""
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    found = subprocess.run(
        [sys.executable, "-m", "tests.speech.elsewhere", str(folder)], cwd=ROOT, check=True, text=True,
        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env={**inherited, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip
    results: dict[str, Found] = {}
    for line in found.stdout.splitlines():
        name, features, quieter, quick, well = json.loads(line)
        results[name] = Found(features, quieter, quick and Transcript(**quick), Transcript(**well))
    return results


async def hear(engine: Recogniser, path: Path, length: int) -> Found:
    """What an engine makes of a sound that comes in pieces of ``length`` bytes."""
    pcm = read_audio(path)
    utterance = engine.utterance([path.name[:2]])
    for at in range(0, len(pcm), length):
        utterance.feed(pcm[at : at + length])
        await asyncio.sleep(0)
    features = CUT.features(log_mel, pcm).tobytes()
    hashes = [hashlib.sha256(content).hexdigest() for content in (features, without_noise(pcm))]
    return Found(hashes[0], hashes[1], await utterance.quick(), await utterance.decode())


async def _hear_all(sounds: Sequence[Path]) -> None:
    settings = load(root=ROOT)
    whisper = Whisper(settings.models / "whisper-base", LANGUAGES, ROOT)
    engine = with_endpointing(settings, ByLanguage([Vosk({"ko": settings.models / "vosk-ko"}), whisper]))
    for path in sounds:
        found = await hear(engine, path, 640 + os.getpid() % 1000 * 2)
        row = [path.name, found.features, found.quieter, found.quick and vars(found.quick), vars(found.well)]
        sys.stdout.write(json.dumps(row) + "\n")
    await engine.close()


if __name__ == "__main__":
    asyncio.run(_hear_all(sorted(Path(sys.argv[1]).iterdir())))
