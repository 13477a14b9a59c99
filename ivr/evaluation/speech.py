"""`ivr eval speech`: held-out questions spoken over the telephone, with and without noise.

The voices are those of the test callers, not of the service.  Each recording passes through 8 kHz A-law.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from ivr.call.audio import interpretation
from ivr.content import heldout
from ivr.content.bundle import Content
from ivr.content.callflow import GateSettings
from ivr.content.heldout import HeldOutQuestion
from ivr.content.intents import EMERGENCY
from ivr.core.audio import add_noise, read_audio, through_g711
from ivr.core.errors import UsageError
from ivr.core.settings import Settings
from ivr.core.text import LANGUAGES, normalise
from ivr.core.yamlfile import raise_if_errors
from ivr.evaluation.scores import JudgedQuestion, Scores, share, word_errors
from ivr.nlu import ask, gate
from ivr.nlu.classifier import IntentClassifier
from ivr.nlu.gate import ACTS
from ivr.nlu.serving import served
from ivr.speech import stt
from ivr.speech.caller_voices import VOICES, caller_wav
from ivr.speech.engines import choose
from ivr.speech.stt import Transcript
from ivr.speech.stt_cached import CachedRecogniser

NOISES: tuple[float | None, ...] = (None, 15.0)
"""Signal to noise in dB; None is a clean line."""


def line(noise_db: float | None) -> str:
    """Return the name of a line in reports; ``noise_db``: signal to noise in dB, None for none."""
    return "clean" if noise_db is None else f"{noise_db:.0f} dB"


SURE: Final = (0.0, 0.25, 0.4, 0.55, 0.7, 0.85)
"""Values of the gate's ``heard.sure`` that are tried."""


@dataclass(frozen=True)
class Aloud:
    """How the questions are asked.

    hotwords: whether the recogniser receives hot words; menu: whether all languages compete, as in the menu.
    """

    hotwords: bool = True
    menu: bool = False


@dataclass(frozen=True)
class HeardQuestion:
    """A spoken question: the verdict, the transcript, and the line's signal to noise in dB."""

    judged: JudgedQuestion
    heard: Transcript
    noise_db: float | None

    @property
    def text(self) -> str:
        """The recognised words."""
        return self.heard.text


@dataclass(frozen=True)
class SpeechRow:
    """Scores of one language on one kind of line; ``wer`` is the word error rate (0 to 1).

    ``right``: of all questions, those decided rightly (see ``_decided_right``).  Of those in scope, ``at_once``:
    acted on rightly without asking back.  Of those out of scope, ``declined``: "pardon?"; ``not_answered``: that,
    or asked back.  ``wrong``: of all, those that a wrong answer or order would follow at once.
    """

    lang: str
    line: str
    questions: int
    wer: float
    right: float
    at_once: float
    wrong: float
    declined: float
    not_answered: float
    language: float
    """Share heard in the caller's language (1 where no other was offered)."""


def run(
    settings: Settings, count: int, langs: Sequence[str], aloud: Aloud = Aloud(), *, as_json: bool = False
) -> int:
    """Ask ``count`` questions per language on each kind of line, and print the scores.

    Rows for other values of ``heard.sure`` follow.  langs: languages; aloud: how they are asked; as_json: JSON lines.
    Returns 0.  Raises UsageError for wrong options, SetupError when a model is not installed.
    """
    unknown = [lang for lang in langs if lang not in LANGUAGES]
    if unknown or count < 1:
        raise UsageError(f"--lang one of {', '.join(LANGUAGES)}; --count from 1 up")
    content = Content.load(settings)
    heard = asyncio.run(_ask_aloud(settings, content, sample(settings, count, langs), aloud))
    lines = [json.dumps(asdict(row)) if as_json else _text(row) for row in rows(heard)]
    for sure in SURE:
        right, wrong = at_sure(content, heard, sure)
        row = {"sure": sure, "right": round(right, 4), "wrong": round(wrong, 4)}
        lines.append(
            json.dumps(row) if as_json else f"heard.sure {sure:.2f}: right {right:.1%}  wrong {wrong:.1%}"
        )
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def at_sure(content: Content, heard: Sequence[HeardQuestion], sure: float) -> tuple[float, float]:
    """Return the shares (0 to 1) of right and of wrong decisions if ``heard.sure`` were ``sure``."""
    settings = content.callflow.gate
    limits = {"sure": sure, "poor": min(sure, settings.heard.poor), "lost": min(sure, settings.heard.lost)}
    moved = settings.model_copy(update={"heard": settings.heard.model_copy(update=limits)})
    judged = [_decided(content, one.judged, one.heard, moved) for one in heard]
    return share(_decided_right(one) for one in judged), share(one.wrong for one in judged)


def sample(settings: Settings, count: int, langs: Sequence[str]) -> list[HeldOutQuestion]:
    """Return a deterministic sample of ``count`` questions per language; a larger one contains a smaller one.

    Raises ConfigError when the held-out questions have errors.
    """
    questions, findings = heldout.read(settings.root)
    raise_if_errors(findings, "the held-out questions")
    chosen: list[HeldOutQuestion] = []
    for lang in langs:
        ours = [question for question in questions if question.lang == lang]
        chosen += sorted(ours, key=lambda question: _sampling_key(question.text))[:count]
    return chosen


def _sampling_key(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


async def _ask_aloud(
    settings: Settings, content: Content, questions: Sequence[HeldOutQuestion], aloud: Aloud
) -> list[HeardQuestion]:
    langs = list(LANGUAGES) if aloud.menu else sorted({question.lang for question in questions})
    engine = await asyncio.to_thread(choose, settings, langs)
    recogniser = CachedRecogniser(engine, settings.var / "heard" / "callers.jsonl")
    found: list[HeardQuestion] = []
    try:
        async with served(settings) as classifier:
            for number, question in enumerate(questions, 1):
                pcm = await asyncio.to_thread(said, settings, question)
                for noise in NOISES:
                    coded = through_g711(
                        pcm if noise is None else add_noise(pcm, noise, seed=_sampling_key(question.text))
                    )
                    found.append(await _hear(content, classifier, recogniser, question, coded, noise, aloud))
                sys.stderr.write(f"\r{number}/{len(questions)}")
    finally:
        sys.stderr.write("\n")
        await recogniser.close()
    return found


def said(settings: Settings, question: HeldOutQuestion) -> bytes:
    """Return the question as 16-bit samples at 16 kHz, in a voice that depends on its text alone.

    The voice is never that of the service.  Raises SetupError when it is not installed.
    """
    voices = VOICES[question.lang] if (settings.models / "kokoro").is_dir() else (None,)
    voice = voices[_sampling_key(question.text) % len(voices)]
    return read_audio(caller_wav(question.lang, question.text, voice, settings=settings))


async def _hear(
    content: Content, classifier: IntentClassifier, recogniser: stt.Recogniser,
    question: HeldOutQuestion, pcm: bytes, noise: float | None, aloud: Aloud,
) -> HeardQuestion:  # fmt: skip
    langs = LANGUAGES if aloud.menu else (question.lang,)
    known = aloud.hotwords and not aloud.menu
    utterance = recogniser.utterance(langs, content.faq.hotwords(question.lang) if known else "")
    utterance.feed(pcm)
    found: dict[Transcript, JudgedQuestion] = {}

    async def judge(heard: Transcript, final: bool) -> interpretation.Interpretation:
        reply = await ask.judge(content, classifier, heard.text, heard.lang)
        judged = JudgedQuestion(question, reply.intent, reply.verdict, reply.seconds)
        found[heard] = one = _decided(content, judged, heard, content.callflow.gate)
        acted = one.verdict.decision in ACTS
        return interpretation.Interpretation(heard, one.intent, complete=acted)

    heard = (await interpretation.understood(utterance, judge, question=known)).transcript
    return HeardQuestion(found[heard], heard, noise)


def _decided(
    content: Content, one: JudgedQuestion, heard: Transcript, settings: GateSettings
) -> JudgedQuestion:
    """Decide again with the recogniser's confidence; an emergency needs none."""
    if one.intent.name == EMERGENCY:
        return one
    return replace(
        one, verdict=gate.decide(heard.confidence, one.intent, settings, content.faq.kinds, heard.lang)
    )


def rows(heard: Sequence[HeardQuestion]) -> Iterator[SpeechRow]:
    """Yield a row for each language and kind of line."""
    for lang in sorted({one.judged.question.lang for one in heard}):
        for noise in NOISES:
            part = [one for one in heard if one.judged.question.lang == lang and one.noise_db == noise]
            if part:
                yield _row(lang, noise, part)


def _row(lang: str, noise: float | None, part: Sequence[HeardQuestion]) -> SpeechRow:
    scores = Scores.of([one.judged for one in part], lang)
    counted = [word_errors(normalise(one.judged.question.text), normalise(one.text)) for one in part]
    wer = sum(errors for errors, _ in counted) / sum(words for _, words in counted)
    decided = [_decided_right(one.judged) for one in part]
    right = sum(decided) / len(decided)
    spoke = share(one.heard.lang == lang for one in part)
    return SpeechRow(
        lang,
        line(noise),
        len(part),
        round(wer, 4),
        round(right, 4),
        round(scores.at_once, 4),
        round(scores.wrong, 4),
        round(scores.declined, 4),
        round(scores.not_answered, 4),
        round(spoke, 4),
    )


def _decided_right(one: JudgedQuestion) -> bool:
    """In scope: the right intent, at once or asked back; out of scope: nothing answered."""
    return one.hit if one.in_scope else not one.wrong


def _text(row: SpeechRow) -> str:
    values: dict[str, Any] = asdict(row)
    form = (
        "{lang} {line:6} n={questions:<4} word errors {wer:6.1%}  right {right:6.1%}  at once {at_once:6.1%}"
        "  wrong {wrong:6.1%}  oos declined {declined:6.1%}  language {language:6.1%}"
    )
    return form.format(**values)
