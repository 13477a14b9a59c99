"""`ivr listen`: recognises and interprets recorded speech as if it came over the telephone."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from ivr.content.bundle import Content
from ivr.content.callflow import load_callflow
from ivr.content.intents import EMERGENCY
from ivr.core.errors import UsageError
from ivr.core.settings import Settings
from ivr.core.vocabulary import Decision
from ivr.evaluation import recordings as hearing
from ivr.evaluation.recordings import Recording, TranscribedRecording
from ivr.nlu import ask, gate
from ivr.nlu.classifier import IntentClassifier
from ivr.nlu.serving import served
from ivr.speech.engines import choose

ENGINES = ("auto", "vosk", "whisper")


def listen(
    settings: Settings, files: Sequence[Path], *, lang: str, tsv: Path | None, engine: str
) -> AsyncIterator[dict[str, Any]]:
    """Return an iterator over one row per recording, in the form of `ivr listen --json`.

    files: audio files in language ``lang``; tsv: a table of further recordings; engine: auto, vosk or whisper.
    Raises UsageError at once when the options are wrong.
    """
    if engine not in ENGINES:
        raise UsageError(f"--engine {engine}: write one of {', '.join(ENGINES)}")
    recordings = [*hearing.from_paths(files, lang), *(hearing.from_table(tsv) if tsv else ())]
    if not recordings:
        raise UsageError("no files: name audio files, or a table with --tsv")
    offered = list(load_callflow(settings.root).languages)
    for recording in recordings:
        if recording.lang not in offered:
            mend = f"write --lang, or the column lang, one of {', '.join(offered)}"
            raise UsageError(f"{recording.file}: language {recording.lang!r}: {mend}")
    return _rows(settings, recordings, engine)


async def _rows(
    settings: Settings, recordings: list[Recording], engine: str
) -> AsyncIterator[dict[str, Any]]:
    content = Content.load(settings)
    langs = sorted({recording.lang for recording in recordings})
    recogniser = await asyncio.to_thread(choose, settings, langs, engine)
    try:
        async with served(settings) as classifier:
            hotwords = {code: content.faq.hotwords(code) for code in langs}
            async for item in hearing.listen(recordings, recogniser, hotwords):
                if item.error:
                    sys.stderr.write(f"ivr: {item.error}\n")
                yield await _row(content, classifier, item)
    finally:
        await recogniser.close()


async def _row(content: Content, classifier: IntentClassifier, item: TranscribedRecording) -> dict[str, Any]:
    heard, lang = item.heard, item.recording.lang
    if content.emergency.heard(heard.text, lang):
        intent, decision = EMERGENCY, Decision.ANSWER.value
    else:
        meant = await classifier.classify(heard.text, lang)
        verdict = gate.decide(heard.confidence, meant, content.callflow.gate, content.faq.kinds, lang)
        intent, decision = ask.outcome(verdict)
    return {
        **item.recording.columns,
        "file": item.recording.file,
        "lang": lang,
        "engine": heard.engine,
        "text": heard.text,
        "confidence": round(heard.confidence, 3),
        "intent": intent,
        "decision": decision,
        "speech_s": round(item.speech_s, 2),
        "ms": round(item.ms),
    }
