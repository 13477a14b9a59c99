"""Selection of the recogniser for each language."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ivr.core.errors import SetupError, UnknownModel
from ivr.core.settings import Settings
from ivr.speech.stt import Recogniser, Utterance
from ivr.speech.stt_vosk import Vosk
from ivr.speech.whisper.plain import PlainWhisper
from ivr.speech.whisper.recogniser import Whisper

log = logging.getLogger(__name__)


class ByLanguage:
    """A recogniser of several engines.  The first engine that knows a language recognises it."""

    def __init__(self, engines: Sequence[Recogniser]) -> None:
        self._engines = tuple(engines)
        self.name = "+".join(engine.name for engine in engines)
        self.languages = frozenset().union(*(engine.languages for engine in engines))

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> Utterance:
        """Return an utterance of the first engine that knows all ``langs``; ``hotwords`` go to that engine.

        Raises SetupError where no engine knows them all.
        """
        for engine in self._engines:
            if engine.languages.issuperset(langs):
                return engine.utterance(langs, hotwords)
        raise SetupError(f"no recogniser for {', '.join(langs)}: run `ivr models pull`")

    async def close(self) -> None:
        """Close every engine."""
        for engine in self._engines:
            await engine.close()


def choose(settings: Settings, langs: Sequence[str], engine: str = "") -> Recogniser:
    """Load and return the recogniser for ``langs``.

    engine: auto, vosk or whisper; empty: ``settings.recogniser``.  Auto takes Vosk for the languages whose model is
    in ``var/models/vosk-<lang>`` and Whisper for the others.
    Raises SetupError where a Vosk model is missing, RecogniserError where a model cannot be loaded.
    """
    wanted = engine or settings.recogniser
    vosk = {lang: folder for lang in langs if (folder := settings.models / f"vosk-{lang}").is_dir()}
    if wanted == "whisper" or (wanted == "auto" and not vosk):
        return _whisper(settings, langs)
    missing = [lang for lang in langs if lang not in vosk]
    if wanted == "vosk" and missing:
        raise SetupError(f"no Vosk model for {', '.join(missing)}: run `ivr models pull`")
    return ByLanguage([Vosk(vosk), _whisper(settings, langs)]) if missing else Vosk(vosk)


def _whisper(settings: Settings, langs: Sequence[str]) -> Recogniser:
    """Whisper with our own decoder; plain faster-whisper where it is set or the model's layout is unknown."""
    model = settings.models / "whisper-base"
    if settings.whisper_decoder == "own":
        try:
            return Whisper(model, langs, settings.root)
        except UnknownModel as error:
            log.warning("%s; plain faster-whisper is used, which is slower", error)
    return PlainWhisper(model, langs)
