"""What Asterisk says by itself, to those who wait and to advisers: file names and words.  Pure.

``ivr/service/pbx_sounds.py`` writes the files, one folder for each language.  Asterisk chooses the folder by the
channel's language.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ivr.content.callflow import Callflow
from ivr.content.callflow.wait_estimate import tellable, waiting_phrase
from ivr.content.faq import Faq
from ivr.content.phrases import Phrase, Phrases
from ivr.core.pbx_names import DeskSound, topic_sound
from ivr.core.vocabulary import PersonReason

PLACES = 20
"""Places in a queue that are said as numbers."""
DESK = {
    DeskSound.NEXT: Phrase.QUEUE_NEXT,
    DeskSound.NUMBER: Phrase.QUEUE_NUMBER,
    DeskSound.OPTIONS: Phrase.QUEUE_OPTIONS,
    DeskSound.ACCEPT: Phrase.ADVISER_ACCEPT,
    DeskSound.CALLBACK: Phrase.CALLBACK_WHISPER,
    DeskSound.CALL_NOW: Phrase.CALLBACK_ACCEPT,
    DeskSound.UNANSWERED: Phrase.CALLBACK_UNANSWERED,
    DeskSound.AVAILABLE: Phrase.ADVISER_AVAILABLE,
    DeskSound.PAUSED: Phrase.ADVISER_PAUSED,
    DeskSound.AWAY: Phrase.ADVISER_AWAY,
}
"""File -> phrase."""
WHYS = ("asked", "not_understood", "silence", "urgent", "lost_child")
"""Why an adviser is wanted, as far as he is told."""


@dataclass(frozen=True)
class Announcement:
    """A sound ``file`` (without ending) of language ``lang``, and its words.

    ``told_s``: it stands in the folder for those who are told this waiting time.
    """

    file: str
    text: str
    lang: str
    told_s: int = 0

    @property
    def folder(self) -> str:
        """The language as Asterisk knows it: ``en``, or ``en_60``, which falls back to ``en``."""
        return f"{self.lang}_{self.told_s}" if self.told_s else self.lang


def announcements(callflow: Callflow, faq: Faq, phrases: Phrases) -> Iterator[Announcement]:
    """Every one of them, in every language."""
    for lang in callflow.languages:
        for file, phrase in DESK.items():
            yield Announcement(file, phrases.text(lang, phrase), lang)
        for seconds in tellable(callflow):
            text = (
                f"{waiting_time(seconds, lang, callflow, phrases)} {phrases.text(lang, Phrase.QUEUE_OPTIONS)}"
            )
            yield Announcement(DeskSound.OPTIONS, text, lang, seconds)
        for place in range(1, PLACES + 1):
            yield Announcement(f"digits/{place}", str(place), lang)
        for other in callflow.languages:
            yield Announcement(
                f"{DeskSound.LANGUAGE}{other}", phrases.text(lang, Phrase(f"whisper_{other}")), lang
            )
        for why in WHYS:
            yield Announcement(f"{DeskSound.REASON}{why}", phrases.text(lang, Phrase(f"whisper_{why}")), lang)
        for intent in faq.intents:
            if faq.kind(intent) == "faq":
                yield Announcement(topic_sound(intent), faq.name(intent, lang), lang)


def waiting_time(seconds: int, lang: str, callflow: Callflow, phrases: Phrases) -> str:
    """How a waiting time that is told (``ivr.content.callflow.wait_estimate.told``) is put into words."""
    phrase, (length, fields) = waiting_phrase(seconds, callflow)
    return phrases.text(lang, phrase, time=phrases.text(lang, length, **fields))


def whisper(faq: Faq, lang: str, topic: str, why: PersonReason) -> str:
    """The files that tell an adviser who waits: language, topic (empty: none), why he asks for a person."""
    files = [f"{DeskSound.LANGUAGE}{lang}"]
    if topic and faq.kind(topic) == "faq":
        files.append(topic_sound(topic))
    known = why.replace("-", "_")
    files.append(f"{DeskSound.REASON}{known if known in WHYS else 'asked'}")
    return "&".join(files)
