"""Retention: each kind for its own time, nothing of what is held, files and rows together."""

from __future__ import annotations

import os
import time

import pytest
import sqlalchemy as sa

from ivr.console.context import Context
from ivr.console.jobs.registry import JOBS
from ivr.console.jobs.retention import RetentionJob as Job
from ivr.content.callflow import RetentionSettings, load_callflow
from ivr.core import events as kinds
from ivr.core.pseudonyms import is_pseudonym
from ivr.store import inbox, queries, retention
from ivr.store.purge import purge
from ivr.store.quarantine import Quarantine, set_aside_by_asterisk
from ivr.store.tables import callbacks, labels
from tests.conftest import ROOT
from tests.service.privacy.conftest import ANA, Office

DAYS = RetentionSettings(recordings=10, messages=20, transcripts=30, calls=40, numbers=5)
SAID = kinds.Heard("bonjour", "fr", 0.9, "whisper", 1.0, 2.0, 0.3)


def sweep(office: Office, days: RetentionSettings = DAYS) -> dict[str, int]:
    return purge(office.settings, office.store, days.model_dump())


def test_what_is_young_stays(office: Office) -> None:
    office.call(ANA, SAID, days_ago=9)
    office.leave(ANA, days_ago=9)
    files = office.files()
    assert not any(sweep(office).values()) and office.files() == files
    assert [row.heard for row in queries.turns_of(office.store, queries.recent_calls(office.store)[-1].id)]


def test_a_recording_goes_first_and_the_call_is_still_told(office: Office) -> None:
    call_id = office.call(ANA, SAID, days_ago=11)
    assert sweep(office)["recordings"] == 1 and office.files() == []
    row = queries.call(office.store, call_id)
    assert row is not None and row.recording == "" and row.outcome == "answered"
    assert queries.turns_of(office.store, call_id)[0].heard == "bonjour"


def test_then_what_was_said_and_the_counts_stay(office: Office) -> None:
    call_id = office.call(ANA, SAID, kinds.KeyPressed("7"), days_ago=31)
    with office.store.begin() as connection:
        row = {"call_id": call_id, "n": 1, "labeller": "zoé", "words": "bonsoir", "at": time.time()}
        connection.execute(labels.insert().values(**row))
    assert sweep(office)["transcripts"] == 1
    told = queries.events_of(office.store, call_id)
    assert "bonjour" not in str(told) and "7" not in [getattr(item.event, "digit", "") for item in told]
    assert [turn.heard for turn in queries.turns_of(office.store, call_id)] == ["", ""]
    with office.store.connect() as connection:
        assert connection.execute(sa.select(labels)).all() == []
    assert [turn.kind for turn in queries.turns_of(office.store, call_id)] == ["speech", "key"]


def test_then_the_call_and_all_that_hangs_on_it(office: Office) -> None:
    call_id = office.call(ANA, SAID, days_ago=41)
    young = office.call(ANA, SAID)
    assert sweep(office)["calls"] == 1
    assert [row.id for row in queries.recent_calls(office.store)] == [young]
    assert queries.events_of(office.store, call_id) == [] == queries.turns_of(office.store, call_id)


def test_a_message_goes_with_its_sound_whatever_its_state(office: Office) -> None:
    name = office.leave(ANA, days_ago=21)
    inbox.change(office.store, name, "take", "zoé", "")
    assert sweep(office)["messages"] == 1
    assert queries.all_messages(office.store) == [] and office.files() == []


def test_a_call_goes_though_its_message_is_kept_longer(office: Office) -> None:
    name = office.leave(ANA, days_ago=50)
    sweep(office, RetentionSettings(messages=60, calls=40))
    [left] = queries.all_messages(office.store)
    assert (left.id, left.call_id, queries.recent_calls(office.store)) == (name, None, [])


def test_a_number_is_clear_while_a_message_is_open_and_some_days_longer(office: Office) -> None:
    name = office.leave(ANA, days_ago=15)
    assert sweep(office)["numbers"] == 0 and queries.all_messages(office.store)[0].number == ANA
    for what in ("take", "answer"):
        inbox.change(office.store, name, what, "zoé", "")
    assert sweep(office)["numbers"] == 0
    assert sweep(office, RetentionSettings(numbers=0))["numbers"] == 1
    left = queries.all_messages(office.store)[0].number
    assert is_pseudonym(left) and left == office.settings.pseudonyms.of(ANA)
    assert sweep(office, RetentionSettings(numbers=0))["numbers"] == 0


def test_a_number_to_call_back_is_clear_until_it_was_called(office: Office) -> None:
    name = office.want(ANA, ANA)

    def number() -> str:
        with office.store.connect() as connection:
            return str(connection.scalar(sa.select(callbacks.c.number)))

    assert sweep(office, RetentionSettings(numbers=0))["numbers"] == 0 and number() == ANA
    with office.store.begin() as connection:
        done = {"state": "done", "ended_at": time.time() - 60}
        connection.execute(callbacks.update().where(callbacks.c.id == name).values(**done))
    assert sweep(office, RetentionSettings(numbers=0))["numbers"] == 1 and is_pseudonym(number())


def test_a_call_that_is_held_keeps_everything(office: Office) -> None:
    call_id = office.call(ANA, SAID, days_ago=99)
    retention.hold(office.store, call_id, "claim 2026-17")
    assert not any(sweep(office).values())
    row = queries.call(office.store, call_id)
    assert row is not None and row.recording and office.files() == [row.recording]
    assert [row.id for row in retention.held(office.store)] == [call_id]


def test_sound_that_no_row_names_goes_when_its_time_is_over(office: Office) -> None:
    young, old = (
        office.settings.state / office.sound(f"recordings/{name}.flac") for name in ("young", "old")
    )
    os.utime(old, (0, 0))
    assert sweep(office)["stray files"] == 1 and young.exists() and not old.exists()


def test_what_an_ear_got_goes_with_its_recording_and_not_before(office: Office) -> None:
    young, old = office.call(ANA, days_ago=9), office.call(ANA, days_ago=11)
    for call_id in (young, old):
        os.utime(office.settings.state / office.sound(f"recordings/{call_id}.ear.flac"), (0, 0))
    sweep(office)
    assert office.files() == [f"recordings/{young}.ear.flac", f"recordings/{young}.flac"]


def test_proposals_are_kept_as_long_as_what_was_said(office: Office) -> None:
    folder = office.settings.var / "proposals"
    folder.mkdir()
    for name, days in (("young", 29), ("old", 31)):
        (folder / f"{name}.yml").write_text("items: []\n")
        os.utime(folder / f"{name}.yml", (time.time() - days * 86_400,) * 2)
    assert sweep(office)["proposals"] == 1
    assert [path.name for path in folder.iterdir()] == ["young.yml"]


def test_another_machines_recordings_are_left_to_it(office: Office) -> None:
    begun = [kinds.CallStarted(ANA, "accueil", "w"), kinds.RecordingKept("recordings/x.flac", 3.0)]
    office.append(
        *(kinds.Stamped("other-1695302000.1", n, 0.0, event) for n, event in enumerate(begun, 10**18))
    )
    assert sweep(office, RetentionSettings(calls=3650, transcripts=3650))["recordings"] == 0


@pytest.mark.virtual_time(sockets=True)
async def test_the_console_does_it_every_hour(office: Office) -> None:
    import asyncio

    assert Job in JOBS
    call_id = office.call(ANA, SAID, days_ago=99)
    job = asyncio.create_task(Job(Context(office.settings, load_callflow(ROOT), office.store)).run())
    await asyncio.sleep(5)
    row = queries.call(office.store, call_id)
    assert row is not None and row.recording == ""
    office.call(ANA, SAID, days_ago=99)
    await asyncio.sleep(3600)
    assert office.files() == []
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)


def test_what_was_set_aside_goes_with_the_messages_and_no_bad_file_stops_the_others(office: Office) -> None:
    quarantine = Quarantine(office.settings)
    fallback, notes = office.settings.pbx / "spool/fallback", office.settings.state_dir.pending_messages
    for folder in (fallback, notes):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "bad.json").mkdir()
        (folder / "bad.json/inside").touch()
        os.utime(folder / "bad.json", (4e9, 4e9))
        (folder / ".left.part").touch()
        os.utime(folder / ".left.part", (0, 0))
    quarantine.sweep()
    aside = [
        set_aside_by_asterisk(office.settings) / "fallback/bad.json",
        office.settings.state_dir.set_aside,
    ]
    aside[1] = aside[1] / "pending/bad.json"
    assert sweep(office)["stray files"] == 2, "the drafts"
    assert all((path / "inside").exists() for path in aside), "a date of the future counts from now"
    for path in aside:
        os.utime(path, (0, 0))
    assert sweep(office)["stray files"] == 2 and not any(path.exists() for path in aside)
