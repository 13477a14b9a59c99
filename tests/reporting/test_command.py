"""`ivr report` as it is printed and written, and the hour of docs/report.md counted again."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ivr.core import events, settings
from ivr.core.errors import UsageError
from ivr.core.settings import Settings
from ivr.reporting import command
from ivr.reporting.call_facts import calls_of
from ivr.store.database import Store
from ivr.store.journal import Journal
from tests.conftest import ROOT
from tests.store.calls import stamped
from tests.store.conftest import database, postgresql

__all__ = ["database", "postgresql"]


@pytest.fixture
def office(tmp_path: Path, database: str) -> Settings:
    env = {"IVR_VAR": str(tmp_path / "var"), "IVR_DATABASE_URL": database, "IVR_INSTANCE": "t"}
    return settings.load(env, ROOT)


@pytest.fixture
def hour(office: Settings, tmp_path: Path) -> Iterator[Path]:
    """The hour that docs/report.md counts by hand."""
    path = tmp_path / "hour.jsonl"
    command.simulated(office, path, 1418, calls=26, advisers=1, hours=1)
    yield path


def report(office: Settings, capsys: pytest.CaptureFixture[str], since: str = "7d", events_file: Path | None = None,
           csv_file: Path | None = None, html: Path | None = None) -> list[dict[str, object]]:  # fmt: skip
    command.report(office, since, events_file, csv_file=csv_file, html=html, as_json=True)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_hour_of_the_document(office: Settings, hour: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its table is the hour, and its figures are the report's."""
    document = (ROOT / "docs/report.md").read_text("utf-8")
    found = re.findall(r"^\| `(sim-\d+)` \| (..) \| ([a-z-]+) \| ([\d.]+) s \|$", document, re.MULTILINE)
    told = [(name, lang, ended, float(waited)) for name, lang, ended, waited in found]
    calls = calls_of(command.read_events(hour.read_text("utf-8").splitlines(), "hour"))
    assert told == [(call.id, call.lang, one.ended, one.waited_s) for call in calls for one in call.requests]
    total = report(office, capsys, events_file=hour)[0]
    words = " ".join(document.partition("`sim-0022`")[2].split())
    for name, percent in (("service_level", "63.6 %"), ("service_level_staffed", "70.0 %"), ("abandonment", "18.2 %"),
                          ("answer_rate", "72.7 %"), ("containment", "50.0 %")):  # fmt: skip
        value = total[name]
        assert isinstance(value, float) and f"{100 * value:.1f} %" == percent and percent in words
    assert (total["calls"], total["asked"], total["wait_p50_s"], total["wait_p95_s"]) == (22, 11, 0.0, 30.1)


def test_calls_of_the_store_since_then(office: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(office.database)
    journal = Journal(office.state / "spool", store, office.pseudonyms)
    now = events.Sequence().next()
    for number, days in enumerate((0, 1, 6.9, 7.1, 40)):
        story = (events.CallStarted("+331", "s", "t"), events.LanguageChosen("fr", "key"), events.PersonWanted("key"),
                 events.PersonAnswered("ana", 8.0), events.CallFinished("person", "caller", 30.0))  # fmt: skip
        for item in stamped(f"t-{number}", *story, first=now - round((60 + days * 86_400) * 1e9)):
            journal.append(item)
    assert journal.drain()
    journal.close()
    store.close()
    total = report(office, capsys)[0]
    assert (total["calls"], total["service_level"], total["wait_p95_s"]) == (3, 1.0, 8.0)
    assert report(office, capsys, since="8w")[0]["calls"] == 5


class Page(HTMLParser):
    """What is in a page: tags that are open, references, images and their names."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[str] = []
        self.fetched: list[str] = []
        self.tables = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.fetched += [str(given[name]) for name in ("src", "href") if name in given]
        self.tables += tag == "table"
        if given.get("role") == "img":
            self.images.append(str(given.get("aria-label")))


def test_files(office: Settings, hour: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, html = tmp_path / "report.csv", tmp_path / "pages/report.html"
    rows = report(office, capsys, events_file=hour, csv_file=table, html=html)
    with table.open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    assert [(row["by"], row["group"], row["calls"]) for row in written] == [
        (row["by"], row["group"], str(row["calls"])) for row in rows
    ]
    page = Page()
    page.feed(html.read_text("utf-8"))
    assert page.fetched == [] and page.tables == 4 and len(page.images) == 4
    assert any("09 22" in name for name in page.images), "charts say their numbers"


def test_a_report_of_nothing(office: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    html = tmp_path / "report.html"
    [total] = report(office, capsys, html=html)
    assert (
        total["calls"] == 0
        and total["service_level"] is None
        and "Nothing to show" in html.read_text("utf-8")
    )


@pytest.mark.parametrize("since", ["7", "0d", "d", "2026-13-01", "2999-01-01", "99999999w"])
def test_a_span_that_is_none(office: Settings, since: str) -> None:
    with pytest.raises(UsageError, match="--since"):
        command.report(office, since, None, csv_file=None, html=None, as_json=True)


def test_a_file_that_holds_no_events(office: Settings, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with pytest.raises(UsageError, match="cannot be read"):
        command.report(office, "7d", path, csv_file=None, html=None, as_json=True)
    path.write_text('{"kind": "nonsense"}\n', "utf-8")
    with pytest.raises(UsageError, match="line 1"):
        command.report(office, "7d", path, csv_file=None, html=None, as_json=True)
