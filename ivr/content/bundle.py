"""The content: everything that administrators edit, read and checked together.

``PARTS`` is the one place that lists the files.  The checks, the copies that are published, replays and set-up
derive from it what they read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr.content import augmented, callflow, faq, heldout, keywords, languages, phrases
from ivr.content.callflow import Callflow, load_callflow
from ivr.content.faq import Faq, load_faq
from ivr.content.keywords import KeywordSpotter, load_emergency, load_urgency
from ivr.content.languages import LanguageNames, key_word
from ivr.content.phrases import Phrases, load_phrases
from ivr.core import clock
from ivr.core.settings import Settings
from ivr.core.yamlfile import Document, Finding

PRONUNCIATIONS = Path("voices/say")


@dataclass(frozen=True)
class ContentPart:
    """A file or folder of the content, relative to its root.

    read: returns its documents below a root; none where other packages read it.
    spoken: whether the texts that are rendered depend on it.
    in_calls: whether what happens in a call depends on it.
    """

    path: Path
    read: Callable[[Path], Iterable[Document[Any]]] = lambda root: ()
    spoken: bool = False
    in_calls: bool = True


PARTS = (
    ContentPart(callflow.FILE, lambda root: [callflow.read(root)], spoken=True),
    ContentPart(faq.FOLDER, lambda root: faq.read(root).values(), spoken=True),
    ContentPart(faq.HOTWORDS, lambda root: [faq.read_hotwords(root)]),
    ContentPart(phrases.FOLDER, lambda root: phrases.read(root).values(), spoken=True),
    ContentPart(keywords.EMERGENCY_FILE, lambda root: [keywords.read_emergency(root)]),
    ContentPart(keywords.URGENCY_FILE, lambda root: [keywords.read_urgency(root)]),
    ContentPart(languages.FILE, lambda root: [languages.read(root)]),
    ContentPart(PRONUNCIATIONS, spoken=True, in_calls=False),
    ContentPart(augmented.FOLDER),
    ContentPart(heldout.FOLDER, in_calls=False),
)
FOLDERS = tuple(sorted({part.path.parts[0] for part in PARTS}))
"""The folders of the checkout that hold the content."""


@dataclass(frozen=True)
class Content:
    """What the receptionist knows.

    now: returns the time in the office's zone.
    callbacks_asked: how many callbacks a number (``+33...``) has asked for in the last 24 hours.
    callbacks_elsewhere: how many callbacks of the last 24 hours go to other numbers than their callers'.
    """

    callflow: Callflow
    faq: Faq
    phrases: Phrases
    names: LanguageNames
    emergency: KeywordSpotter
    urgency: KeywordSpotter
    now: Callable[[], dt.datetime]
    key_words: Callable[[str, str], str] = key_word
    callbacks_asked: Callable[[str], int] = lambda number: 0
    callbacks_elsewhere: Callable[[], int] = lambda: 0

    @classmethod
    def load(cls, settings: Settings) -> Content:
        """Read all of it below ``settings.root``; raises ConfigError that names file and line."""
        root, flow = settings.root, load_callflow(settings.root)
        texts = load_phrases(root)
        return cls(
            callflow=flow,
            faq=load_faq(root, texts),
            phrases=texts,
            names=LanguageNames.load(root),
            emergency=load_emergency(root),
            urgency=load_urgency(root),
            now=lambda: clock.now(settings, flow.hours.zone),
        )


def findings(root: Path) -> list[Finding]:
    """Return what is wrong in each document below ``root``; what is wrong between documents is not among it."""
    return [finding for part in PARTS for document in part.read(root) for finding in document.findings]
