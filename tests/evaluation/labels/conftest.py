"""A service of its own: copies of the files that administrators edit, a state folder, a database of each kind."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivr.core import events
from ivr.core.settings import Settings, load
from ivr.store.database import Store
from ivr.store.journal import Journal
from tests.conftest import ROOT
from tests.store.calls import stamped
from tests.store.conftest import database, postgresql

__all__ = ["database", "postgresql"]

Tell = Callable[..., None]


@pytest.fixture
def settings(tmp_path: Path, database: str) -> Settings:
    """Settings of that service."""
    for folder in ("nlu", "dialplans", "voices"):
        shutil.copytree(ROOT / folder, tmp_path / "root" / folder)
    env = {"IVR_VAR": str(tmp_path / "var"), "IVR_DATABASE_URL": database, "IVR_INSTANCE": "t"}
    return load(env, tmp_path / "root")


@pytest.fixture
def tell(settings: Settings) -> Iterator[Tell]:
    """Store the events of a call that began a minute ago, or ``days`` before."""
    store = Store(settings.database)
    journal = Journal(settings.state / "spool", store, settings.pseudonyms)

    def put(call_id: str, *happened: events.Event, days: float = 0.0) -> None:
        first = events.Sequence().next() - round((60 + days * 86_400) * 1e9)
        for item in stamped(call_id, events.CallStarted("+331", "s", "t"), *happened, first=first):
            journal.append(item)
        assert journal.drain()

    yield put
    journal.close()
    store.close()


def asked(
    text: str, intent: str = "eiffel.price", decision: str = "answer", lang: str = "fr"
) -> tuple[events.Event, ...]:
    """One turn: heard, understood, decided."""
    return (
        events.Heard(text, lang, 0.8, "whisper", 2.0, 4.0, 0.4),
        events.Understood(intent, 0.9, "louvre.price", 0.05, 10.0),
        events.Decided(decision, intent if decision != "reprompt" else "oos"),
    )
