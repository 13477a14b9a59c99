"""`ivr eval prompts`: recognises every prompt, and reports word errors by language and their kinds."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ivr.call.dialogue import prompt_list
from ivr.content.bundle import Content
from ivr.core.errors import UsageError
from ivr.core.settings import Settings
from ivr.core.text import LANGUAGES
from ivr.evaluation.hearback import HeardBack, hear_back, mean_wer
from ivr.reporting.html import render, write
from ivr.speech.engines import choose
from ivr.speech.prompts import open_prompts
from ivr.speech.stt_cached import CachedRecogniser

WORST = 10


@dataclass(frozen=True)
class PromptRow:
    """The prompts of one language.

    wer: mean of the prompts' word error rates, in which a short prompt weighs as much as a long one.
    wer_words: word errors divided by words, over all prompts.
    over_15, over_40: prompts with a word error rate over 15 % and over 40 %.
    lufs_min, lufs_max: range of loudness; clipped: samples at full scale; gap_s: longest silence in seconds.
    """

    lang: str
    voice: str
    prompts: int
    wer: float
    wer_words: float
    over_15: int
    over_40: int
    lufs_min: float
    lufs_max: float
    clipped: int
    gap_s: float
    why: dict[str, int]
    """Word errors by kind: name, sound, word."""


def run(settings: Settings, langs: Sequence[str], html: Path | None, *, as_json: bool) -> int:
    """Recognise all prompts (transcripts are cached), print a row per language and write the report.

    langs: languages, empty for all; html: file of the report, by default below the var folder.
    Returns 0.  Raises UsageError for an unknown language.
    """
    unknown = [lang for lang in langs if lang not in LANGUAGES]
    if unknown:
        raise UsageError(f"--lang {unknown[0]}: write one of {', '.join(LANGUAGES)}")
    heard = asyncio.run(_hear_all(settings, langs or LANGUAGES))
    rows = [row_of(lang, part) for lang in LANGUAGES if (part := [one for one in heard if one.lang == lang])]
    target = html or settings.var / "reports" / "prompts.html"
    write(target, page(rows, heard))
    for row in rows:
        sys.stdout.write(f"{json.dumps(asdict(row)) if as_json else _text(row)}\n")
    if not as_json:
        sys.stdout.write(f"report: {target}\n")
    return 0


async def _hear_all(settings: Settings, langs: Sequence[str]) -> list[HeardBack]:
    content = Content.load(settings)
    prompts = open_prompts(settings, content.callflow.languages)
    sentences = prompt_list.sentences(content.callflow, content.faq, content.phrases)
    items = [one for one in dict.fromkeys(sentences) if one[1] in langs]
    await asyncio.to_thread(prompts.render_all, items)
    engine = await asyncio.to_thread(choose, settings, sorted(langs), "whisper")
    recogniser = CachedRecogniser(engine, settings.var / "heard" / "prompts.jsonl")
    rows: list[HeardBack] = []
    try:
        hotwords = {lang: content.faq.hotwords(lang) for lang in langs}
        async for row in hear_back(items, prompts, recogniser, hotwords):
            rows.append(row)
            sys.stderr.write(f"\r{row.lang} {len(rows)}/{len(items)}")
    finally:
        sys.stderr.write("\n")
        await recogniser.close()
        await prompts.close()
    return rows


def row_of(lang: str, part: Sequence[HeardBack]) -> PromptRow:
    """Return the row of language ``lang``, whose prompts are ``part`` (at least one)."""
    why = Counter(kind for one in part for miss in one.misses for kind in [miss.kind] * miss.errors)
    words = sum(one.words for one in part)
    return PromptRow(
        lang, part[0].voice, len(part), round(mean_wer(part), 4),
        round(sum(one.errors for one in part) / words, 4) if words else 0.0,
        sum(one.wer > 0.15 for one in part), sum(one.wer > 0.40 for one in part),
        min(one.lufs for one in part), max(one.lufs for one in part),
        sum(one.clipped for one in part), max(one.gap_s for one in part), dict(why.most_common()),
    )  # fmt: skip


def _text(row: PromptRow) -> str:
    return (
        f"{row.lang} {row.voice:24} n={row.prompts:<4} word errors {row.wer_words:6.1%}"
        f" (mean of the prompts {row.wer:5.1%})  over 15 %: {row.over_15}, over 40 %: {row.over_40}"
        f"  {row.lufs_min} to {row.lufs_max} LUFS"
        f"  clipped {row.clipped}  longest silence {row.gap_s} s  errors: {_kinds(row)}"
    )


def page(rows: Sequence[PromptRow], heard: Sequence[HeardBack]) -> str:
    """Return the report: a table of the languages, the worst prompts of each, then every miss.

    rows: one for each language, in the order of the page; heard: the prompts of all languages.
    """
    by_lang = {row.lang: [one for one in heard if one.lang == row.lang] for row in rows}
    return render(
        "prompts.html",
        title="Prompts heard back",
        rows=[{**asdict(row), "kinds": _kinds(row)} for row in rows],
        shown=WORST,
        worst={lang: sorted(part, key=lambda one: -one.wer)[:WORST] for lang, part in by_lang.items()},
        misses={
            lang: [(miss, one.text) for one in part for miss in one.misses if miss.errors]
            for lang, part in by_lang.items()
        },
    )


def _kinds(row: PromptRow) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in row.why.items())
