"""Nothing is deleted by a clock that was moved, in either direction, and deletion goes on a steady day later."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.store.purge_hold import DAY_S, may_purge

HOUR_S = 3600.0
START = 1_800_000_000.0


@pytest.mark.parametrize("step_s", [91 * DAY_S, -91 * DAY_S, 400 * DAY_S, 1.5 * DAY_S])
def test_a_moved_clock_deletes_nothing_for_a_steady_day(tmp_path: Path, step_s: float) -> None:
    note = tmp_path / "note.json"
    assert may_purge(note, START) and may_purge(note, START + HOUR_S)
    moved = START + 2 * HOUR_S + step_s
    held = [may_purge(note, moved + hour * HOUR_S) for hour in range(30)]
    assert held == [False] * 24 + [True] * 6


def test_there_and_back_again(tmp_path: Path) -> None:
    note = tmp_path / "note.json"
    assert may_purge(note, START)
    assert not may_purge(note, START + 91 * DAY_S)
    assert not may_purge(note, START + 2 * HOUR_S)
    assert may_purge(note, START + 2 * HOUR_S + DAY_S)


@pytest.mark.parametrize("step_s", [10.0, -10.0, HOUR_S, -HOUR_S])
def test_small_steps_hold_nothing_up(tmp_path: Path, step_s: float) -> None:
    note = tmp_path / "note.json"
    assert may_purge(note, START) and may_purge(note, START + HOUR_S + step_s)


@pytest.mark.parametrize("torn", ["", "{", "[]", '{"seen": "x"}'])
def test_a_torn_note_is_no_reason_to_keep_data_for_ever(tmp_path: Path, torn: str) -> None:
    note = tmp_path / "note.json"
    note.write_text(torn)
    assert may_purge(note, START)
