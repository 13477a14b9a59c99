"""Export and erasure of a number: all of one person's, and nothing of another's; a search of every byte proves it."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ivr.core import events as kinds
from ivr.core.errors import UsageError
from ivr.core.yamlfile import load
from ivr.evaluation.labels.proposal import Item, Proposal, written
from ivr.service import data_subject_requests
from ivr.store import queries, retention
from ivr.store.quarantine import set_aside_by_asterisk
from ivr.store.tables import metadata
from tests.service.privacy.conftest import ANA, BEN, Office

pytestmark = pytest.mark.slow

SPELLINGS = ["+33612345678", "0033612345678", "0612345678", "06 12 34 56 78"]
DIGITS = re.compile(
    rb"6[\s.()/-]?1[\s.()/-]?2[\s.()/-]?3[\s.()/-]?4[\s.()/-]?5[\s.()/-]?6[\s.()/-]?7[\s.()/-]?8"
)


def filled(office: Office) -> None:
    """Two people, three spellings of one's number, everything that a call can leave behind."""
    heard = kinds.Heard("mon numéro est le 06 12 34 56 78", "fr", 0.9, "whisper", 1.0, 2.0, 0.3)
    for shown in SPELLINGS[:3]:
        office.call(shown, heard, *(kinds.KeyPressed(digit) for digit in "0612345678"))
    office.call(BEN, kinds.Heard("bonjour", "fr", 0.9, "whisper", 1.0, 2.0, 0.3), heard)
    for number in (ANA, BEN):
        office.leave(number)
        office.want(number, number)
        office.spooled(number)
        office.set_aside(number)
    office.want(ANA, "+33155667788")
    for row in queries.recent_calls(office.store, 99):
        office.replayed(row.id, "mon numéro est le 06 12 34 56 78")


def bytes_of(office: Office) -> dict[str, bytes]:
    """Every file of var/, and the database where it is no file."""
    assert office.settings.pbx.is_relative_to(office.settings.var)
    assert office.settings.state.is_relative_to(office.settings.var)
    found = {str(path): path.read_bytes() for path in office.settings.var.rglob("*") if path.is_file()}
    with office.store.connect() as connection:
        for table in metadata.tables.values():
            rows = connection.execute(sa.select(table)).all()
            found[table.name] = "\n".join(map(str, rows)).encode()
    return found


def output(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    rows: dict[str, Any] = json.loads(capsys.readouterr().out)
    return rows


@pytest.mark.parametrize("asked", SPELLINGS)
def test_after_erasure_no_byte_of_the_number_is_left(
    office: Office, asked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(office)
    assert len([name for name, content in bytes_of(office).items() if DIGITS.search(content)]) >= 5
    assert data_subject_requests.erase(office.settings, asked) == 0
    told = output(capsys)
    assert (told["calls"], told["messages"], told["callbacks"], told["left"]) == (6, 1, 2, [])
    pseudonyms = [name.encode() for name in office.settings.pseudonyms.all_of(asked, "+33")]
    for name, content in bytes_of(office).items():
        assert not DIGITS.search(content), name
        assert not any(pseudonym in content for pseudonym in pseudonyms), name


def test_erasure_leaves_the_others_alone(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    filled(office)
    theirs = [
        row.id
        for row in queries.recent_calls(office.store, 99)
        if row.number == office.settings.pseudonyms.of(BEN)
    ]
    data_subject_requests.erase(office.settings, ANA)
    capsys.readouterr()
    assert [row.id for row in queries.recent_calls(office.store, 99)] == theirs and len(theirs) == 3
    [left] = queries.all_messages(office.store)
    assert left.number == BEN and BEN in left.transcript
    assert len(office.files()) == 4 and all((office.settings.state / row).exists() for row in office.files())
    kept = set_aside_by_asterisk(office.settings) / "fallback"
    assert len(list(kept.iterdir())) == 2, "the note of the other, and its sound"
    assert len(list(office.spool.fallback.iterdir())) == 2 and len(office.spool.pending.waiting()) == 2
    log = (office.settings.state / "logs/worker.log").read_text()
    assert log.count("another line") == 2 and BEN in log
    assert {turn.heard for row in theirs for turn in queries.turns_of(office.store, row)} == {
        "bonjour", "mon numéro est le [erased]",
    }  # fmt: skip


def test_export_holds_all_that_erasure_would_delete(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(office)
    monkeypatch.setattr("sys.stdin", io.StringIO("06 12 34 56 78\n"))
    assert data_subject_requests.export(office.settings, "-", tmp_path / "out") == 0
    assert output(capsys)["files"] == 7
    data = json.loads((tmp_path / "out/data.json").read_text("utf-8"))
    assert [len(data[name]) for name in ("calls", "messages", "callbacks")] == [6, 1, 2]
    words = [
        event["text"]
        for call in data["calls"]
        for event in call.get("events", ())
        if event["kind"] == "heard"
    ]
    assert words == ["mon numéro est le 06 12 34 56 78"] * 3
    assert BEN not in json.dumps(data) and len(list((tmp_path / "out/recordings").iterdir())) == 6
    with pytest.raises(UsageError, match="is there already"):
        data_subject_requests.export(office.settings, ANA, tmp_path / "out")


def test_of_a_number_that_nobody_knows_there_is_nothing(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    office.call(BEN)
    assert data_subject_requests.export(office.settings, ANA, tmp_path / "out") == 0
    assert output(capsys)["calls"] == 0
    assert (
        data_subject_requests.erase(office.settings, ANA) == 0
        and len(queries.recent_calls(office.store)) == 1
    )


@pytest.mark.parametrize("text", ["", "33", "softphone", "+33 6 12 x"])
def test_what_is_no_number_is_refused(office: Office, text: str) -> None:
    with pytest.raises(UsageError, match="write a telephone number"):
        data_subject_requests.erase(office.settings, text)


def test_a_call_that_goes_on_is_not_erased_in_the_middle(office: Office) -> None:
    office.append(kinds.Stamped("fake-1795302000.9", 1, 0.0, kinds.CallStarted(ANA, "accueil", "w")))
    with pytest.raises(UsageError, match="goes on"):
        data_subject_requests.erase(office.settings, ANA)


def test_what_is_held_for_the_law_is_not_erased_and_said(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    held, other = office.call(ANA), office.call(ANA)
    assert data_subject_requests.hold(office.settings, held, "claim 2026-17") == 0
    capsys.readouterr()
    assert data_subject_requests.erase(office.settings, ANA) == 1
    assert output(capsys)["held"] == [held]
    assert [row.id for row in queries.recent_calls(office.store)] == [held]
    assert office.files() == [f"recordings/{held}.flac"] and other != held
    retention.hold(office.store, held, "")
    assert data_subject_requests.erase(office.settings, ANA) == 0 and office.files() == []


def test_golden_copies_go_too_even_of_calls_that_retention_has_deleted(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = office.settings.state / "golden"
    folder.mkdir(parents=True)
    calls = {name: office.call(name) for name in (ANA, BEN)}
    for call_id in calls.values():
        told = [json.dumps(kinds.to_json(item)) for item in queries.events_of(office.store, call_id)]
        (folder / f"{call_id}.jsonl").write_text("\n".join(told))
        (folder / f"{call_id}.flac").write_bytes(b"sound")
    turns = "".join(f"  {call_id}:\n    turns: {{1: {{decision: answer}}}}\n" for call_id in calls.values())
    (folder / "qa.yml").write_text(f"calls:\n{turns}")
    with office.store.begin() as connection:
        retention.delete(connection, "calls", calls.values())
    assert data_subject_requests.erase(office.settings, ANA) == 0 and output(capsys)["golden"] == 1
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{calls[BEN]}.flac",
        f"{calls[BEN]}.jsonl",
        "qa.yml",
    ]
    assert calls[ANA] not in (folder / "qa.yml").read_text() and calls[BEN] in (folder / "qa.yml").read_text()


def test_what_replays_and_labels_keep_of_a_call_goes_with_it(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = {name: office.call(name) for name in (ANA, BEN)}
    items = [Item(to="examples", lang="fr", intent="louvre.price", text=name, turn=f"{call_id}/2")
             for name, call_id in zip(("le prix", "les horaires"), calls.values(), strict=True)]  # fmt: skip
    proposal = office.settings.var / "proposals/20261122-0900.yml"
    proposal.parent.mkdir()
    proposal.write_text(written(items, dt.date(2026, 11, 22), "it"), "utf-8")
    for call_id in calls.values():
        office.replayed(call_id, "bonjour")
        office.sound(f"recordings/{call_id}.ear.flac")
        office.sound(f"tapes/{call_id}-1.pcm")
    assert data_subject_requests.export(office.settings, ANA, tmp_path / "out") == 0
    assert output(capsys)["files"] == 2
    assert data_subject_requests.erase(office.settings, ANA) == 0
    left = [name for name, content in bytes_of(office).items() if calls[ANA] in name]
    assert left == [] and len([name for name in bytes_of(office) if calls[BEN] in name]) == 4
    assert [item.text for item in load(proposal, Proposal, tmp_path).model.items] == ["les horaires"]  # type: ignore[union-attr]
    assert data_subject_requests.erase(office.settings, BEN) == 0
    assert load(proposal, Proposal, tmp_path).model == Proposal(items=[])
