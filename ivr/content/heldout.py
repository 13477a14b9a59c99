"""``nlu/heldout/``: questions that training never sees, one on each line: text, tab, right intent.

Thresholds and examples were tuned on ``<lang>.tsv``.  The questions in ``blind-<lang>.tsv`` were written from the
list of intents alone and never used for tuning, so their scores are unbiased.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz import fuzz, process

from ivr.core.text import LANGUAGES, normalise
from ivr.core.yamlfile import Finding, text_of

FOLDER = Path("nlu/heldout")
HEADER = "text\tintent"
BLIND = "blind-"
"""Prefix of the names of files with blind questions."""
NEAR = 92.0
"""A question this similar to an example (rapidfuzz ratio, percent) counts as a copy of it."""


@dataclass(frozen=True)
class HeldOutQuestion:
    """A question and its right intent, which is ``oos`` when the service should not act."""

    lang: str
    text: str
    intent: str
    file: str
    line: int

    @property
    def blind(self) -> bool:
        """Whether the question is in a file of blind questions."""
        return Path(self.file).name.startswith(BLIND)


def read(root: Path) -> tuple[list[HeldOutQuestion], list[Finding]]:
    """Return all questions below ``root``, and findings for unreadable lines; blind files may be missing."""
    questions: list[HeldOutQuestion] = []
    findings: list[Finding] = []
    for lang in LANGUAGES:
        for name in (f"{lang}.tsv", f"{BLIND}{lang}.tsv"):
            path = root / FOLDER / name
            if path.exists():
                found, wrong = _read(path, lang)
                questions += found
                findings += wrong
            elif not name.startswith(BLIND):
                hint = f"write questions in {lang}"
                findings.append(Finding(str(FOLDER / name), 1, 1, "the file is missing", hint))
    return questions, findings


def _read(path: Path, lang: str) -> tuple[list[HeldOutQuestion], list[Finding]]:
    questions: list[HeldOutQuestion] = []
    findings: list[Finding] = []
    name = str(FOLDER / path.name)
    content = text_of(path, name)
    if isinstance(content, Finding):
        return [], [content]
    for number, line in enumerate(content.splitlines(), 1):
        if line == HEADER or not line.strip():
            continue
        text, tab, intent = line.partition("\t")
        if not tab or not text.strip() or not intent.strip() or "\t" in intent:
            hint = "write the question, one tab, the intent"
            findings.append(Finding(name, number, 1, "not a question and an intent", hint))
            continue
        questions.append(HeldOutQuestion(lang, text.strip(), intent.strip(), name, number))
    return questions, findings


def problems(
    questions: Sequence[HeldOutQuestion], examples: Sequence[tuple[str, str, str]], known: Collection[str]
) -> Iterator[Finding]:
    """Yield unknown intents, repeated questions and copies of examples.

    examples: (language, intent, text).
    known: the intents of the content.
    """
    seen: dict[tuple[str, str], HeldOutQuestion] = {}
    for question in questions:
        if question.intent not in known:
            hint = "write an intent of nlu/faq, or oos"
            yield _finding(question, f"unknown intent {question.intent}", hint)
        key = (question.lang, normalise(question.text))
        if key in seen:
            yield _finding(question, "the question stands here twice", f"see line {seen[key].line}")
        seen.setdefault(key, question)
    for lang in LANGUAGES:
        asked = [question for question in questions if question.lang == lang]
        yield from _copies(asked, [text for code, _, text in examples if code == lang])


def _copies(questions: Sequence[HeldOutQuestion], examples: Sequence[str]) -> Iterator[Finding]:
    choices = [normalise(example) for example in examples]
    for question in questions:
        asked = normalise(question.text)
        found = process.extractOne(asked, choices, scorer=fuzz.ratio, score_cutoff=NEAR)
        if found is not None:
            message = f"copies the example {examples[found[2]]!r} ({found[1]:.0f} % alike)"
            yield _finding(question, message, "ask it in other words, or take the example out")


def _finding(question: HeldOutQuestion, message: str, hint: str) -> Finding:
    return Finding(question.file, question.line, 1, message, hint)
