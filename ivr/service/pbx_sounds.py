"""Writes the prompts that Asterisk plays by itself: WAV files at 8 kHz, one folder for each language."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.asterisk.contract import LastWordsFile
from ivr.call.dialogue.announcements import Announcement, announcements
from ivr.content.bundle import Content
from ivr.content.callflow import Callflow
from ivr.content.languages import key_word
from ivr.content.phrases import Phrase, Phrases
from ivr.core.audio import PHONE_RATE, RATE, resample, wav_bytes
from ivr.core.settings import Settings
from ivr.core.staged_files import StagedFiles
from ivr.speech.prompts import Prompts, open_prompts

FALLBACK_LANGS = ("fr", "en")
"""Languages in which the dialplan speaks to a caller who has not chosen one."""
IN_CHOSEN_LANGUAGE = {
    LastWordsFile.WAIT: Phrase.APOLOGY_WAIT,
    LastWordsFile.SENT: Phrase.VOICEMAIL_SENT,
    LastWordsFile.UNSENT: Phrase.VOICEMAIL_FAILED,
}
"""File -> phrase, for context ``say`` of ``extensions.conf``."""


def stage_sounds(files: StagedFiles, settings: Settings, content: Content) -> None:
    """Prepare what the dialplan says without a worker, announcements for waiting callers, and words for advisers.

    ``files.commit`` puts them in place.  Sounds that exist already are kept.

    Raises VoiceError and ConfigError where a voice or a pronunciation is missing, and OSError.
    """
    callflow, phrases = content.callflow, content.phrases
    prompts = open_prompts(settings, _langs(callflow))
    for one in last_words(callflow, phrases):
        _write(files, settings, prompts, one, "sounds")
    for one in announcements(callflow, content.faq, phrases):
        _write(files, settings, prompts, one, f"share/sounds/{one.folder}")


def last_words(callflow: Callflow, phrases: Phrases) -> Iterator[Announcement]:
    """What the dialplan says to callers when no worker takes them: none runs, all are full, or one was lost."""
    keys = {lang: entry.key for lang, entry in callflow.languages.items()}
    for lang in _langs(callflow):
        for file, phrase in IN_CHOSEN_LANGUAGE.items():
            yield Announcement(f"{file}-{lang}", phrases.text(lang, phrase), lang)
        fallback = phrases.text(lang, Phrase.FALLBACK)
        offered = lang in keys  # otherwise no adviser speaks it
        crowded = phrases.text(lang, Phrase.CROWDED, key=key_word(keys[lang], lang)) if offered else fallback
        yield Announcement(f"{LastWordsFile.CROWDED}-{lang}", crowded, lang)
        yield Announcement(f"{LastWordsFile.FALLBACK}-{lang}", fallback, lang)


def _langs(callflow: Callflow) -> list[str]:
    """The languages that the dialplan speaks, each once."""
    return list(dict.fromkeys([*FALLBACK_LANGS, *callflow.languages]))


def _write(files: StagedFiles, settings: Settings, prompts: Prompts, one: Announcement, folder: str) -> None:
    """Write one file, unless it exists and was made from the same prompt."""
    path = settings.pbx / folder / f"{one.file}.wav"
    source = prompts.path(one.text, one.lang)
    if not source.is_file():
        prompts.render(one.text, one.lang)
    made_of = path.with_suffix(".from")
    if path.is_file() and made_of.is_file() and made_of.read_bytes() == source.stem.encode():
        return
    pcm = resample(prompts.audio(one.text, one.lang), RATE, PHONE_RATE)
    files.write(path, wav_bytes(pcm, PHONE_RATE))
    files.write(made_of, source.stem)
