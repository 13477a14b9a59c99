"""Who is told of which message, when, and how often."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from ivr.console.context import Context, open_context
from ivr.console.jobs.notifier import TRANSCRIPT_S, StaffNotifier
from ivr.content.callflow import Hours, Weekly
from ivr.content.callflow.notify import Notify
from ivr.core.settings import Settings
from ivr.store import inbox, outbox
from ivr.store.tables import deliveries
from tests.console.messages import leave, transcribe

HOUR = 3600.0
NOTIFY = Notify.model_validate(
    {
        "mail": {
            "host": "localhost", "security": "none", "sender": "line@example.org",
            "recipients": ["desk@example.org"], "by_language": {"de": ["anna@example.org"]},
            "urgent": ["head@example.org", "desk@example.org"],
        },
        "webhook": "https://example.org/hook",
        "remind_h": 2.0,
        "reminders": 2,
    }
)  # fmt: skip
NEVER = Weekly(monday=[], tuesday=[], wednesday=[], thursday=[], friday=[], saturday=[], sunday=[])
ALWAYS = Weekly(**{day: ["00:00-24:00"] for day in Weekly.model_fields})


@pytest.fixture
def context(settings: Settings, database: str) -> Iterator[Context]:
    """An office that never closes."""
    opened = open_context(dataclasses.replace(settings, database_url=database))
    yield at_hours(opened, ALWAYS, NOTIFY)
    opened.store.close()


def at_hours(context: Context, weekly: Weekly, notify: Notify) -> Context:
    hours = Hours(weekly=weekly)
    flow = context.callflow.model_copy(update={"hours": hours, "notify": notify})
    return dataclasses.replace(context, callflow=flow)


def told(context: Context, id: str = "m1", kind: str = "message.new") -> Counter[str]:
    """Who is told, and how often."""
    found = outbox.deliveries_of(context.store, id)
    return Counter(row.target or row.channel for row in found if row.kind == kind)


def move_back(context: Context, id: str, seconds: float) -> None:
    with context.store.begin() as connection:
        changed = sa.text("UPDATE messages SET left_at = left_at - :by WHERE id = :id")
        connection.execute(changed, {"by": seconds, "id": id})


@pytest.mark.parametrize(
    ("lang", "urgency", "people"),
    [
        ("es", "", ["desk@example.org"]),
        ("de", "", ["anna@example.org"]),
        ("", "", ["desk@example.org"]),
        ("es", "pasaporte", ["desk@example.org", "head@example.org"]),
        ("de", "reisepass", ["anna@example.org", "head@example.org", "desk@example.org"]),
    ],
)
def test_everybody_who_is_to_know_is_told_once(
    context: Context, lang: str, urgency: str, people: list[str]
) -> None:
    leave(context.store, "m1", lang=lang, urgency=urgency)
    announcer = StaffNotifier(context)
    for _ in range(3):
        announcer.announce()
    assert told(context) == Counter([*people, "webhook"])


def test_people_are_told_when_the_transcript_is_there(context: Context) -> None:
    leave(context.store, "m1", None)
    StaffNotifier(context).announce()
    assert not told(context)
    transcribe(context.store, "m1", "mi pasaporte", "pasaporte")
    StaffNotifier(context).announce()
    assert told(context)["head@example.org"] == 1


def test_a_recogniser_that_is_away_keeps_no_message_from_people(context: Context) -> None:
    leave(context.store, "m1", None, ago_s=TRANSCRIPT_S + 1)
    StaffNotifier(context).announce()
    assert told(context)["desk@example.org"] == 1


def test_two_consoles_on_one_store_tell_once(context: Context) -> None:
    for number in range(5):
        leave(context.store, f"m{number}")
    gate = threading.Barrier(3)

    def announce() -> None:
        announcer = StaffNotifier(context)
        gate.wait()
        announcer.announce()

    threads = [threading.Thread(target=announce) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(5):
        assert told(context, f"m{number}") == Counter(["desk@example.org", "webhook"])


def test_with_nobody_to_tell_old_messages_are_not_told_of_later(context: Context) -> None:
    leave(context.store, "m1")
    StaffNotifier(at_hours(context, ALWAYS, Notify())).announce()
    StaffNotifier(context).announce()
    assert not told(context)


# reminders


@pytest.fixture
def announced(context: Context) -> Context:
    """A message that was announced just now."""
    leave(context.store, "m1")
    StaffNotifier(context).announce()
    return context


def reminded(context: Context) -> int:
    StaffNotifier(context).remind()
    return told(context, kind="message.reminder")["desk@example.org"]


def test_an_unanswered_message_is_told_of_again_and_not_for_ever(announced: Context) -> None:
    assert reminded(announced) == 0
    counts: list[Any] = []
    for _ in range(5):
        move_back(announced, "m1", 2 * HOUR)
        counts += [reminded(announced), reminded(announced)]
    assert counts == [1, 1, 2, 2, 2, 2, 2, 2, 2, 2]


def test_who_has_taken_it_is_reminded_too_who_has_answered_it_is_not(announced: Context) -> None:
    inbox.change(announced.store, "m1", "take", "Ana")
    move_back(announced, "m1", 3 * HOUR)
    assert reminded(announced) == 1
    inbox.change(announced.store, "m1", "answer", "Ana")
    move_back(announced, "m1", 3 * HOUR)
    assert reminded(announced) == 1


def test_hours_in_which_nobody_is_there_do_not_count(announced: Context) -> None:
    move_back(announced, "m1", 100 * HOUR)
    assert reminded(at_hours(announced, NEVER, NOTIFY)) == 0
    assert reminded(announced) == 1


def test_for_an_urgent_message_all_hours_count(context: Context) -> None:
    leave(context.store, "m1", urgency="pasaporte")
    StaffNotifier(context).announce()
    move_back(context, "m1", 2.1 * HOUR)
    assert reminded(at_hours(context, NEVER, NOTIFY)) == 1
    assert told(context, kind="message.reminder")["head@example.org"] == 1


def test_a_message_nobody_was_told_of_yet_is_not_reminded_of(context: Context) -> None:
    leave(context.store, "m1", ago_s=9 * HOUR)
    assert reminded(context) == 0


def test_each_delivery_has_an_id_of_its_own(announced: Context) -> None:
    with announced.store.connect() as connection:
        found = list(connection.scalars(sa.select(deliveries.c.id)))
    assert len(found) == len(set(found)) == 2
