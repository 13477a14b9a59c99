"""Recognises recordings as if they came over the telephone: the core of `ivr listen`."""

from __future__ import annotations

import csv
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ivr.core.audio import read_audio, seconds, through_g711
from ivr.core.errors import AudioError, UsageError
from ivr.speech.stt import MAX_SECONDS, Recogniser, Transcript


@dataclass(frozen=True)
class Recording:
    """A recording.

    file: its name as given; lang: language spoken; path: where it is.
    columns: further columns of its table, passed through.
    """

    file: str
    lang: str
    path: Path
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TranscribedRecording:
    """The transcript of a recording.

    heard: the transcript, empty when the file could not be read.
    speech_s: duration in seconds; ms: milliseconds that decoding took; error: why it could not be read.
    """

    recording: Recording
    heard: Transcript
    speech_s: float
    ms: float
    error: str = ""


def from_paths(paths: Iterable[Path], lang: str) -> list[Recording]:
    """Return recordings of the files ``paths``, all in language ``lang``."""
    return [Recording(str(path), lang, path) for path in paths]


def from_table(table: Path) -> list[Recording]:
    """Return the recordings of a TSV file with columns ``file`` and ``lang``.

    Paths may be relative to the table.  Raises UsageError when it cannot be read or lacks a value.
    """
    try:
        with table.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines, delimiter="\t", strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{table}: not a table that can be read: {error}") from error
    recordings = []
    for number, row in enumerate(rows, 2):
        if not row.get("file") or not row.get("lang"):
            raise UsageError(f"{table}:{number}: needs columns 'file' and 'lang', separated by tabs")
        path = Path(row["file"])
        path = path if path.exists() else table.parent / path
        others = {name: value or "" for name, value in row.items() if name not in ("file", "lang", None)}
        recordings.append(Recording(row["file"], row["lang"], path, others))
    return recordings


async def listen(
    recordings: Iterable[Recording], recogniser: Recogniser, hotwords: Mapping[str, str] | None = None
) -> AsyncIterator[TranscribedRecording]:
    """Yield the transcript of each recording, which passes through 8 kHz A-law first.

    hotwords: words to expect, by language.  Raises RecogniserError.
    """
    for recording in recordings:
        try:
            pcm = through_g711(read_audio(recording.path))
        except AudioError as error:
            nothing = Transcript("", 0.0, recording.lang, recogniser.name)
            yield TranscribedRecording(recording, nothing, 0.0, 0.0, str(error))
            continue
        started = time.perf_counter()
        utterance = recogniser.utterance([recording.lang], (hotwords or {}).get(recording.lang, ""))
        utterance.feed(pcm)
        heard = await utterance.decode()
        spent = (time.perf_counter() - started) * 1000
        yield TranscribedRecording(recording, heard, min(seconds(pcm), MAX_SECONDS), spent)
