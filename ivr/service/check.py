"""`ivr check`: checks every file that administrators edit.

Each problem is reported with file, line and what to write instead.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ivr.asterisk import config as asterisk
from ivr.asterisk.dialplan_lint import lint
from ivr.content import augmented, bundle, callflow, defaults, faq, files, heldout
from ivr.content.faq import Topic
from ivr.content.intents import NEEDED
from ivr.core.clock import today
from ivr.core.errors import ConfigError
from ivr.core.settings import Settings
from ivr.core.text import LANGUAGES, normalise
from ivr.core.yamlfile import Document, Finding, ModelProblem, Severity, load, raise_if_errors
from ivr.service.pbx_parameters import pbx_parameters
from ivr.speech.pronunciation import SayFile


def command(settings: Settings) -> int:
    """Print the findings and a last line that counts them; returns 1 when there is an error."""
    found = sorted([*run(settings.root, today(settings)), *dialplan(settings)])
    errors = sum(finding.severity == Severity.ERROR for finding in found)
    lines = [str(finding) for finding in found]
    lines.append(f"{errors} errors, {len(found) - errors} warnings")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if errors else 0


def refuse_errors(settings: Settings) -> None:
    """Raise ConfigError with all errors, as `ivr check` prints them."""
    raise_if_errors([*run(settings.root, today(settings), questions=False), *dialplan(settings)], "ivr check")


def dialplan(settings: Settings) -> list[Finding]:
    """Problems of the dialplan as it would be rendered now, including the administrator's own part."""
    flow = callflow.read(settings.root).model
    if flow is None:
        return []
    parameters = pbx_parameters(settings, flow)
    try:
        written = asterisk.texts(settings, parameters)
    except ConfigError as error:
        return [one for one in error.findings if isinstance(one, Finding)]
    program = replace(parameters, templates=defaults.ROOT / defaults.TEMPLATES.parent)
    cut_off = list(_cut_off(written, asterisk.texts(settings, program)))
    if cut_off:
        return cut_off
    name, text = "extensions.conf", written["extensions.conf"]
    own = settings.state_dir.own_dialplan
    if own.is_file():
        text = "\n".join((text, own.read_text("utf-8", "replace")))
    before = written[name].count("\n") + 1
    return [
        Finding(str(own), fault.line - before, 1, fault.what, fault.mend) if fault.line > before
        else Finding(f"dialplans/asterisk/{name} (as written)", fault.line, 1, fault.what, fault.mend)
        for fault in lint(text, written["modules.conf"])
    ]  # fmt: skip


def _cut_off(written: Mapping[str, str], program: Mapping[str, str]) -> Iterator[Finding]:
    """Templates that are missing, or lack a section that the program needs, as a file does that is half written."""
    hint = "put it back, for example from the last commit: the file may be cut off"
    for name, text in program.items():
        file = f"{defaults.TEMPLATES}/{name}"
        if name not in written:
            yield Finding(file, 1, 1, "the file is missing", hint)
            continue
        lines = written[name].count("\n") + 1
        for section in sorted(_sections(text) - _sections(written[name])):
            yield Finding(file, lines, 1, f"the section {section} is missing", hint)


def _sections(text: str) -> set[str]:
    return set(re.findall(r"^\[[^\]\n]+\]", text, re.MULTILINE))


def run(root: Path, today: dt.date, *, questions: bool = True) -> list[Finding]:
    """All findings, sorted by file and line.

    root: folder of the content.
    today: date that decides which facts are out of date.
    questions: whether the held-out questions are checked, too.
    """
    found = bundle.findings(root)
    found += [
        one for one in files.findings(root) if questions or not one.file.startswith(str(heldout.FOLDER))
    ]
    flow, topics = callflow.read(root), faq.read(root)
    found += [finding for lang in LANGUAGES for finding in [*_say(root, lang), *_heard(root, lang)]]
    known = {name for document in topics.values() if document.model for name in document.model.intents}
    whole = all(document.model for document in topics.values())
    if whole:
        found += _intents(root, flow, known)
    for document in topics.values():
        found += _dates(document, today)
    found += _double_examples(topics.values())
    if questions:
        found += _heldout(root, topics.values(), known if whole else None)
    return sorted(set(found))


def _say(root: Path, lang: str) -> list[Finding]:
    return load(root / bundle.PRONUNCIATIONS / f"{lang}.yml", SayFile, root).findings


def _heard(root: Path, lang: str) -> Iterator[Finding]:
    try:
        augmented.read(root, lang)
    except ValueError as error:
        yield Finding(str(augmented.FOLDER / f"{lang}.tsv"), 1, 1, str(error), "run `ivr content hear`")


def _intents(root: Path, flow: Document[callflow.Callflow], known: set[str]) -> Iterator[Finding]:
    for name in NEEDED:
        if name not in known:
            what = f"the intent {name} is missing, and the call's script needs it"
            yield Finding(str(faq.FOLDER), 1, 1, what, "put it back, for example from the last commit")
    for name in flow.model.gate.intents if flow.model else ():
        if name not in known:
            mend = "write an intent of nlu/faq, or take the line out"
            yield flow.finding(ModelProblem(("gate", "intents", name), f"unknown intent {name}", mend))
    for index, name in enumerate(flow.model.topics if flow.model else ()):
        if name not in known:
            mend = "write an intent of nlu/faq, or take the line out"
            yield flow.finding(ModelProblem(("topics", index), f"unknown intent {name}", mend))


def _dates(document: Document[Topic], today: dt.date) -> Iterator[Finding]:
    for name, entry in document.model.intents.items() if document.model else ():
        last = entry.valid_until
        if not isinstance(last, dt.date) or last > today + faq.AHEAD:
            continue
        over = today > last
        what = f"{name} {'may no longer be spoken since' if over else 'may be spoken only until'} {last}"
        mend = "check the facts, then write a new checked and valid_until"
        loc = ("intents", name, "valid_until")
        yield document.finding(ModelProblem(loc, what, mend, Severity.WARNING))


def _double_examples(documents: Iterable[Document[Topic]]) -> Iterator[Finding]:
    """Examples that stand under two intents, between which the model can only guess."""
    owners: dict[tuple[str, str], str] = {}
    for document in documents:
        for name, lang, index, text in _examples(document):
            key = (lang, normalise(text))
            if owners.setdefault(key, name) != name:
                what = f"{text!r} is also an example of {owners[key]}"
                loc = ("intents", name, "examples", lang, index)
                yield document.finding(ModelProblem(loc, what, "keep it in one of the two", Severity.WARNING))


def _examples(document: Document[Topic]) -> Iterator[tuple[str, str, int, str]]:
    for name, entry in document.model.intents.items() if document.model else ():
        for lang, texts in entry.examples.items():
            for index, text in enumerate(texts):
                yield name, lang, index, text


def _heldout(root: Path, documents: Iterable[Document[Topic]], known: set[str] | None) -> list[Finding]:
    asked, found = heldout.read(root)
    examples = [(lang, name, text) for document in documents for name, lang, _, text in _examples(document)]
    intents = known if known is not None else {question.intent for question in asked}
    with contextlib.suppress(ValueError):  # a finding of ``_heard``
        examples += [
            (lang, row.intent, row.heard) for lang in LANGUAGES for row in augmented.read(root, lang)
        ]
    return [*found, *heldout.problems(asked, examples, intents)]
