"""`ivr labels promote` and `ivr labels accept`: write a proposal from labels, and put it into nlu/."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from ivr.content import heldout
from ivr.content.callflow import load_callflow
from ivr.content.faq import FOLDER, load_faq
from ivr.core import clock, timespan
from ivr.core.errors import ConfigError, UsageError
from ivr.core.paths import proposals
from ivr.core.settings import Settings
from ivr.core.yamlfile import load, raise_if_errors
from ivr.evaluation.labels.labelled_turns import turns_of
from ivr.evaluation.labels.proposal import (
    EXAMPLES,
    Item,
    Proposal,
    ProposalContent,
    propose,
    refusals,
    written,
)
from ivr.evaluation.labels.yaml_insert import with_example, with_question
from ivr.store import labels
from ivr.store.journal import drained_store


def promote(settings: Settings, since: str, out: Path | None) -> None:
    """Write a proposal from the labels of the span ``since``.

    out: its file, by default one below the var folder.
    Raises UsageError when ``since`` is wrong, ConfigError when questions or content have errors.
    """
    now = clock.wall(load_callflow(settings.root).hours.zone)
    span = timespan.since(since, now)
    with drained_store(settings) as store:
        rows = labels.all_labels(store, span.start.timestamp(), span.end.timestamp())
    items = propose(turns_of(rows), _content(settings))
    path = out or proposals(settings) / f"{now:%Y%m%d-%H%M}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(written(items, now.date(), str(path)), encoding="utf-8")
    held_out = sum(item.to != EXAMPLES for item in items)
    sys.stdout.write(f"{path}: {len(items) - held_out} examples, {held_out} held-out questions\n")


def accept(settings: Settings, path: Path) -> None:
    """Put the proposal ``path`` into nlu/.

    Raises UsageError or ConfigError with every problem, and then changes nothing.
    """
    if not path.exists():
        raise UsageError(f"{path}: no such file: see `ivr labels promote`")
    document = load(path.resolve(), Proposal, settings.root)
    raise_if_errors(document.findings, str(path))
    assert document.model is not None
    for problem in refusals(document.model, _content(settings)):
        document.add(problem.loc, problem.message, problem.hint)
    raise_if_errors(document.findings, str(path))
    _write_all(settings, _edited(settings.root, document.model.items))
    sys.stdout.write(f"{len(document.model.items)} sentences taken: `ivr publish` puts them into service\n")


def _content(settings: Settings) -> ProposalContent:
    questions, findings = heldout.read(settings.root)
    raise_if_errors(findings, "the held-out questions")
    return ProposalContent(load_faq(settings.root), questions)


def _edited(root: Path, items: Iterable[Item]) -> dict[Path, str]:
    """Return the new content of each file that changes."""
    topics = {path: path.read_text(encoding="utf-8") for path in sorted((root / FOLDER).glob("*.yml"))}
    changed: dict[Path, str] = {}
    for item in items:
        if item.to == EXAMPLES:
            path, content = _with_example(topics, item)
            topics[path] = changed[path] = content
        else:
            path = root / heldout.FOLDER / f"{item.lang}.tsv"
            before = changed.get(path) or path.read_text(encoding="utf-8")
            changed[path] = with_question(before, item.text, item.intent)
    return changed


def _with_example(topics: Mapping[Path, str], item: Item) -> tuple[Path, str]:
    for path, content in topics.items():
        if f"  {item.intent}:" in content:  # parsing a topic takes a while, and there are twenty
            longer = with_example(content, item.intent, item.lang, item.text)
            if longer is not None:
                return path, longer
    raise UsageError(f"{item.intent}: no examples in {item.lang} to add to: write the first ones by hand")


def _write_all(settings: Settings, changed: Mapping[Path, str]) -> None:
    """Write all files, or restore all when the result cannot be read."""
    before = {path: path.read_bytes() for path in changed}
    try:
        for path, content in changed.items():
            path.write_text(content, encoding="utf-8")
        _content(settings)
    except (ConfigError, OSError):
        for path, content_before in before.items():
            path.write_bytes(content_before)
        raise
