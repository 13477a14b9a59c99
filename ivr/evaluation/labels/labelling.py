"""`ivr labels next|set|list|score`: people label turns of real calls, and see the scores."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ivr.content.callflow import load_callflow
from ivr.content.faq import load_faq
from ivr.content.intents import OUT_OF_SCOPE
from ivr.core import clock, timespan
from ivr.core.audio import WIDTH, read_channels, write_wav
from ivr.core.errors import UsageError
from ivr.core.settings import Settings
from ivr.core.timespan import Timespan
from ivr.evaluation.labels.labelled_turns import Label, LabelledTurn, agreements, turn_of, turns_of
from ivr.evaluation.labels.sampling import next_turn
from ivr.evaluation.labels.scoring import Score, scores
from ivr.store import labels
from ivr.store.database import Store
from ivr.store.journal import drained_store

AROUND_S = 0.4
"""Seconds of audio before and after a turn that are written with it."""


def show_next(
    settings: Settings, person: str, since: str, lang: str, out: Path | None, *, as_json: bool
) -> int:
    """Print the turn that ``person`` labels next, and write its audio.

    since: a span such as 7d, or a day; lang: only turns in it, empty for all; out: WAV to write, if given.
    Returns 1 when no turn is left, else 0.  Raises UsageError when ``since`` is wrong.
    """
    span = _seconds(_span(settings, since))
    with drained_store(settings) as store:
        rows, known = labels.spoken_turns(store, *span), turns_of(labels.all_labels(store, *span))
    turns = [turn_of(row) for row in rows if not lang or row.lang == lang]
    labelled = {(turn.call_id, turn.n): [label.labeller for label in turn.labels] for turn in known}
    turn = next_turn(turns, labelled, person)
    if turn is None:
        sys.stderr.write("nothing left to label\n")
        return 1
    heard = out is not None and _write_sound(settings, turn, out)
    left = sum((one.call_id, one.n) not in labelled for one in turns)
    sys.stdout.write("\n".join(_asked(turn, left, as_json=as_json)) + "\n")
    if out is not None:
        sys.stderr.write(f"{out}\n" if heard else "the recording is gone: nothing to hear\n")
    return 0


def set_label(
    settings: Settings, name: str, person: str, *, words: str | None, intent: str, right: bool, note: str
) -> None:
    """Store the label of ``person`` for the turn ``name``.

    words: what was said, empty for nothing; intent: what was meant; note: a remark.
    right: the turn was heard and understood right; ``words`` and ``intent`` may then be left out.
    Raises UsageError when the turn does not exist, or when words or intent are missing or unknown.
    """
    with drained_store(settings) as store:
        turn = _turn(store, name)
        if words is None and not right:
            raise UsageError('--words "...": write what was said ("" where nobody spoke), or --right')
        meant = intent or (turn.intent if right else "")
        said = (turn.heard if words is None else words).strip()
        if said and meant not in {*load_faq(settings.root).intents, OUT_OF_SCOPE}:
            raise UsageError(f"--intent {meant or '...'}: write an intent of nlu/faq, or {OUT_OF_SCOPE}")
        label = Label(person, said, meant if said else "", note)
        labels.set_label(store, turn.call_id, turn.n, **asdict(label), at=time.time())


def show_list(settings: Settings, since: str, *, disputed: bool, as_json: bool) -> None:
    """Print the labels of turns in the span ``since``; ``disputed``: only turns whose labels differ."""
    turns = [turn for turn in _labelled(settings, since) if turn.disputed or not disputed]
    if as_json:
        for turn in turns:
            sys.stdout.write(json.dumps(_json(turn), ensure_ascii=False) + "\n")
        return
    for turn in turns:
        mark = "  DISPUTED" if turn.disputed else ""
        sys.stdout.write(f"{turn.name} {turn.lang}{mark}\n  heard “{turn.heard}”, {turn.intent or '-'}\n")
        for label in turn.labels:
            note = f"  ({label.note})" if label.note else ""
            sys.stdout.write(f"  {label.labeller}: “{label.words}”, {label.meant or 'nothing said'}{note}\n")


def show_scores(settings: Settings, since: str, *, as_json: bool) -> None:
    """Print word errors and right decisions of the span ``since``, and the agreement of the labellers."""
    turns = _labelled(settings, since)
    found, pairs = list(scores(turns, _zone(settings))), agreements(turns)
    if as_json:
        rows: list[Mapping[str, Any]] = [{"kind": "score", **row.row()} for row in found]
        rows += [{"kind": "agreement", **asdict(pair)} for pair in pairs]
        sys.stdout.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        return
    sys.stdout.write("\n".join(_table(found)) + "\n")
    for pair in pairs:
        sure = "-" if pair.kappa is None else f"{pair.kappa:.2f}"
        sys.stdout.write(
            f"{pair.one} and {pair.other}: {pair.turns} turns, {pair.same_words} with the same words,"
            f" {pair.same_intent} with the same intent, kappa {sure}\n"
        )


def _labelled(settings: Settings, since: str) -> list[LabelledTurn]:
    with drained_store(settings) as store:
        return turns_of(labels.all_labels(store, *_seconds(_span(settings, since))))


def _turn(store: Store, name: str) -> LabelledTurn:
    call_id, mark, number = name.rpartition("/")
    row = labels.spoken_turn(store, call_id, int(number)) if mark and number.isdecimal() else None
    if row is None:
        raise UsageError(f"no turn {name} in which something was heard: see `ivr labels next`")
    return turn_of(row)


def _asked(turn: LabelledTurn, left: int, *, as_json: bool) -> Iterator[str]:
    if as_json:
        yield json.dumps(_json(turn) | {"left": left}, ensure_ascii=False)
        return
    yield f"{turn.name}   {turn.lang}, {turn.start_s:.1f} to {turn.end_s:.1f} s, heard by {turn.engine}"
    yield f"  heard       “{turn.heard}”, {turn.confidence:.0%} sure"
    second = f", then {turn.second}" if turn.second else ""
    yield f"  understood  {turn.intent or '-'} {turn.intent_confidence:.0%}{second}"
    yield f"  decided     {turn.decision or '-'} {turn.decided}"
    yield f"{left} turns without a label"


def _json(turn: LabelledTurn) -> dict[str, Any]:
    return {"turn": turn.name, "disputed": turn.disputed, **asdict(turn)}


def _write_sound(settings: Settings, turn: LabelledTurn, out: Path) -> bool:
    """Write the caller's side of the turn; return False when the recording is deleted."""
    path = settings.state_dir.stored(turn.recording)
    if not turn.recording or not path.exists():
        return False
    channels, rate = read_channels(path)
    edges = (max(0.0, turn.start_s - AROUND_S), turn.end_s + AROUND_S)
    start, end = (round(edge * rate) * WIDTH for edge in edges)
    write_wav(out, channels[0][start:end], rate)
    return True


def _table(found: Sequence[Score]) -> Iterator[str]:
    names = ("word errors", "understood", "served right", "wrong answers")
    yield f"{'':22} {'turns':>6} {'disputed':>9}  " + " ".join(f"{name:25}" for name in names).rstrip()
    for row in found:
        group = row.group if row.by == "all" else f"{row.by} {row.group}"
        parts = (str(one or "-") for one in (row.word_errors, row.understood, row.served, row.wrong))
        yield (
            f"{group:22} {row.turns:6} {row.disputed:9}  " + " ".join(f"{part:25}" for part in parts).rstrip()
        )


def _span(settings: Settings, since: str) -> Timespan:
    return timespan.since(since, clock.wall(load_callflow(settings.root).hours.zone))


def _zone(settings: Settings) -> ZoneInfo:
    return load_callflow(settings.root).hours.zone


def _seconds(span: Timespan) -> tuple[float, float]:
    return span.start.timestamp(), span.end.timestamp()
