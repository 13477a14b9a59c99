"""Golden calls: named sets of recorded calls, with the decisions expected of today's service.

A set is ``golden/<set>.yml`` in the state folder, which people read and edit.  Beside it are copies of each call's
events and of the caller's audio, so a set outlives the retention of recordings::

    calls:
      main-1795318814.0:
        note: Eiffel tower, noisy line
        turns:
          1: {heard: key 2, decision: language, intent: en}
          2: {heard: how much is the eiffel tower, decision: answer, intent: eiffel.price}
          3: {heard: "yes", tells: [eiffel.price, anything_else]}

``heard`` only informs the reader.  Turns that are not named are not checked.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from ivr.core.audio import RATE, read_channels, resample, to_samples
from ivr.core.errors import UsageError
from ivr.core.events import from_json, to_json
from ivr.core.files import write_durably
from ivr.core.settings import Settings
from ivr.core.yamlfile import Strict, dump, load
from ivr.evaluation.replay.call_history import HistoryTurn, read
from ivr.evaluation.replay.dialogue_replay import recorded_outcome
from ivr.evaluation.replay.jobs import ReplayJob, Result, Row
from ivr.store.audio_capture import capture_of

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")


def _number(value: object) -> object:
    """Convert a key of a YAML map, which is a text."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


TurnNumber = Annotated[int, BeforeValidator(_number), Field(ge=1)]


class Expected(Strict):
    """The expectation of a turn; empty fields are not checked.

    heard: the words or key, for the reader; tells: keys of the prompts that follow.
    """

    heard: str = ""
    decision: str = ""
    intent: str = ""
    tells: list[str] = []


class GoldenCall(Strict):
    """The expectations of one call, by number of the turn."""

    note: str = ""
    turns: dict[TurnNumber, Expected] = {}


class GoldenFile(Strict):
    """The file of a set."""

    calls: dict[str, GoldenCall] = {}


@dataclass(frozen=True)
class Suite:
    """A set.

    name: its name; folder: holds the copies of its calls; calls: expectations by call ID.
    """

    name: str
    folder: Path
    calls: dict[str, GoldenCall]

    def jobs(self) -> list[ReplayJob]:
        """Return its calls as jobs; raises UsageError when a copy is missing."""
        return [self._job(call_id) for call_id in self.calls]

    def _job(self, call_id: str) -> ReplayJob:
        events, sound = copies(self.folder, call_id)
        try:
            lines = events.read_text("utf-8").splitlines()
        except OSError:
            raise UsageError(
                f"{events}: the copy of golden call {call_id} is missing: add the call again"
            ) from None
        return ReplayJob(call_id, tuple(from_json(json.loads(line)) for line in lines), sound)


@dataclass(frozen=True)
class Check:
    """The check of one expectation.

    suite: name of the set; call: ID of the call; turn: number of the turn.
    why: what differs, empty when the expectation holds.
    """

    suite: str
    call: str
    turn: int
    expected: Expected
    why: str = ""

    @property
    def broken(self) -> bool:
        """Whether the expectation does not hold."""
        return bool(self.why)

    def __str__(self) -> str:
        said = f" “{self.expected.heard}”" if self.expected.heard else ""
        return f"{self.suite}: call {self.call}, turn {self.turn}{said}: {self.why or 'as expected'}"

    def row(self) -> dict[str, Any]:
        """Return the line of `ivr replay --suite NAME --json`."""
        return {
            "suite": self.suite, "call": self.call, "turn": self.turn, **self.expected.model_dump(),
            "broken": self.broken, "why": self.why,
        }  # fmt: skip


def names(settings: Settings) -> list[str]:
    """Return the names of all sets, sorted."""
    return sorted(path.stem for path in settings.state_dir.golden.glob("*.yml"))


def load_suite(settings: Settings, name: str) -> Suite:
    """Return the set ``name``; raises UsageError when it does not exist, ConfigError when its file has errors."""
    path = _file(settings, name)
    if not path.is_file():
        known = ", ".join(names(settings)) or "none yet"
        raise UsageError(
            f"no golden calls named {name} (there are: {known}): `ivr golden add CALL --set {name}`"
        )
    file = load(path, GoldenFile, settings.state).checked("the golden calls")
    return Suite(name, path.parent, file.calls)


def add(settings: Settings, name: str, job: ReplayJob, note: str = "") -> dict[int, Expected]:
    """Add a call to a set and expect it to go as recorded; existing expectations of the call stay.

    name: of the set, which is created if missing; note: for readers, empty to keep the present one.
    Returns the expectation of each turn.  Raises UsageError when the name is not allowed, AudioError when the
    recording cannot be read, ConfigError when the file of the set has errors.
    """
    path = _file(settings, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    events, sound = copies(path.parent, job.call_id)
    _copy_sound(job.recording, sound)
    if capture_of(job.recording).exists():
        shutil.copyfile(capture_of(job.recording), capture_of(sound))
    lines = (json.dumps(to_json(item), ensure_ascii=False) for item in job.events)
    events.write_text("\n".join(lines) + "\n", "utf-8")
    turns = {turn.number: _expected(turn) for turn in read(job.call_id, job.events).turns}
    calls = dict(load_suite(settings, name).calls) if path.exists() else {}
    known = calls.get(job.call_id)
    calls[job.call_id] = GoldenCall(
        note=note or (known.note if known else ""), turns=turns | (known.turns if known else {})
    )
    _write(path, calls)
    return calls[job.call_id].turns


def remove(settings: Settings, name: str, call_id: str) -> None:
    """Remove a call and its copies from the set ``name``; raises as ``load_suite`` does."""
    suite = load_suite(settings, name)
    for path in copies(suite.folder, call_id):
        path.unlink(missing_ok=True)
        capture_of(path).unlink(missing_ok=True)
    if call_id in suite.calls:
        _write(_file(settings, name), {one: call for one, call in suite.calls.items() if one != call_id})


def check(suite: Suite, results: Sequence[Result]) -> list[Check]:
    """Return a check of every expectation of a set.

    results: of its replayed calls; those of other calls are ignored.
    """
    rows = {(row["call"], row["turn"]): row for result in results for row in result.rows}
    errors = {result.call_id: result.error for result in results if result.error}
    found: list[Check] = []
    for call_id, call in suite.calls.items():
        for number, expected in call.turns.items():
            row = rows.get((call_id, number))
            why = errors.get(call_id) or (_why(expected, row) if row else "the call has no such turn")
            found.append(Check(suite.name, call_id, number, expected, why))
    return found


def copies(folder: Path, call_id: str) -> tuple[Path, Path]:
    """Where a call's events and its caller's side lie."""
    return folder / f"{call_id}.jsonl", folder / f"{call_id}.flac"


def _why(expected: Expected, row: Row) -> str:
    now = row["decided"]["now"]
    wanted = (expected.decision or now["decision"], expected.intent or now["intent"])
    came = (now["decision"], now["intent"])
    if wanted != came:
        heard = row["heard"]["now"].get("text") or row["heard"]["now"].get("key") or "nothing"
        return f"expected {_said(wanted)}, it would be {_said(came)} (heard: {heard})"
    if expected.tells and expected.tells != row["told"]["now"]:
        return f"expected to say {', '.join(expected.tells)}, it would say {', '.join(row['told']['now'])}"
    return ""


def _said(decision: tuple[str | None, str | None]) -> str:
    return " ".join(filter(None, decision)) or "no decision"


def _expected(turn: HistoryTurn) -> Expected:
    outcome = recorded_outcome(turn)
    decision, intent, _ = outcome.last
    said = turn.speech
    heard = f"key {turn.key}" if turn.key else said.text if said else "(nothing)"
    tells = [] if decision or not turn.goes_on else [told.key for told in outcome.told]
    return Expected(heard=heard, decision=decision, intent=intent, tells=tells)


def _copy_sound(recording: Path, target: Path) -> None:
    import soundfile  # slow to load

    channels, rate = read_channels(recording)
    soundfile.write(
        target, to_samples(resample(channels[0], rate, RATE)), RATE, format="FLAC", subtype="PCM_16"
    )


def _write(path: Path, calls: dict[str, GoldenCall]) -> None:
    body = {"calls": {call_id: call.model_dump(exclude_defaults=True) for call_id, call in calls.items()}}
    write_durably(path, dump(body))


def _file(settings: Settings, name: str) -> Path:
    if not NAME.fullmatch(name):
        raise UsageError(f"--set {name}: write a name of small letters, digits, - and _")
    return settings.state_dir.golden_set(name)
