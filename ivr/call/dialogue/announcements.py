"""The announcements that Asterisk plays to waiting callers and to advisers: file names and words.  Pure.

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
"""Places in a queue that are announced as numbers."""
DESK = {
    DeskSound.NEXT: Phrase.QUEUE_NEXT,
    DeskSound.NUMBER: Phrase.QUEUE_NUMBER,
    DeskSound.OPTIONS: Phrase.QUEUE_OPTIONS,
    DeskSound.ACCEPT: Phrase.ADVISER_ACCEPT,
    DeskSound.CALLBACK: Phrase.CALLBACK_WHISPER,
    DeskSound.CALL_NOW: Phrase.CALLBACK_ACCEPT,
    DeskSound.UNANSWERED: Phrase.CALLBACK_UNANSWERED,
    DeskSound.CALLED_BACK: Phrase.CALLBACK_GREETING,
    DeskSound.AVAILABLE: Phrase.ADVISER_AVAILABLE,
    DeskSound.PAUSED: Phrase.ADVISER_PAUSED,
    DeskSound.AWAY: Phrase.ADVISER_AWAY,
}
"""File -> phrase."""
WHYS = ("asked", "not_understood", "silence", "urgent", "lost_child")
"""Reasons for a transfer that an adviser hears."""


@dataclass(frozen=True)
class Announcement:
    """One announcement.

    file: the sound file without its ending.  text: its words.  lang: their language.
    announced_s: seconds of waiting; not 0: the file is in the folder for callers who hear this time.
    """

    file: str
    text: str
    lang: str
    announced_s: int = 0

    @property
    def folder(self) -> str:
        """The channel language in Asterisk: ``en``, or ``en_60``, which falls back to ``en``."""
        return f"{self.lang}_{self.announced_s}" if self.announced_s else self.lang


def announcements(callflow: Callflow, faq: Faq, phrases: Phrases) -> Iterator[Announcement]:
    """Yield all announcements in every language of ``callflow``: those of callers, and those of its telephones."""
    heard = (*(one.languages[0] for one in callflow.advisers), callflow.on_call.lang, callflow.overflow.lang)
    for lang in dict.fromkeys((*callflow.languages, *heard)):
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
    """Return the words for a wait that is announced.

    seconds: a result of ``ivr.content.callflow.wait_estimate.told``.  lang: the language.
    """
    phrase, (length, fields) = waiting_phrase(seconds, callflow)
    return phrases.text(lang, phrase, time=phrases.text(lang, length, **fields))


def whisper(faq: Faq, lang: str, topic: str, why: PersonReason) -> str:
    """Return the files that tell an adviser about a caller, joined by ``&`` as Asterisk wants them.

    lang: the caller's language.  topic: the intent they asked about, or empty.  why: why they want a person.
    """
    files = [f"{DeskSound.LANGUAGE}{lang}"]
    if topic and faq.kind(topic) == "faq":
        files.append(topic_sound(topic))
    known = why.replace("-", "_")
    files.append(f"{DeskSound.REASON}{known if known in WHYS else 'asked'}")
    return "&".join(files)
