"""Who is notified of which message, when, and how often."""

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
    """The context of an office that never closes."""
    opened = open_context(dataclasses.replace(settings, database_url=database))
    yield at_hours(opened, ALWAYS, NOTIFY)
    opened.store.close()


def at_hours(context: Context, weekly: Weekly, notify: Notify) -> Context:
    hours = Hours(weekly=weekly)
    flow = context.callflow.model_copy(update={"hours": hours, "notify": notify})
    return dataclasses.replace(context, callflow=flow)


def notified(context: Context, id: str = "m1", kind: str = "message.new") -> Counter[str]:
    """Number of notifications by recipient."""
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
def test_every_recipient_is_notified_once(
    context: Context, lang: str, urgency: str, people: list[str]
) -> None:
    leave(context.store, "m1", lang=lang, urgency=urgency)
    notifier = StaffNotifier(context)
    for _ in range(3):
        notifier.announce()
    assert notified(context) == Counter([*people, "webhook"])


def test_people_are_notified_when_the_transcript_is_ready(context: Context) -> None:
    leave(context.store, "m1", None)
    StaffNotifier(context).announce()
    assert not notified(context)
    transcribe(context.store, "m1", "mi pasaporte", "pasaporte")
    StaffNotifier(context).announce()
    assert notified(context)["head@example.org"] == 1


def test_without_a_recogniser_people_are_still_notified(context: Context) -> None:
    leave(context.store, "m1", None, ago_s=TRANSCRIPT_S + 1)
    StaffNotifier(context).announce()
    assert notified(context)["desk@example.org"] == 1


def test_two_consoles_on_one_store_tell_once(context: Context) -> None:
    for number in range(5):
        leave(context.store, f"m{number}")
    gate = threading.Barrier(3)

    def announce() -> None:
        notifier = StaffNotifier(context)
        gate.wait()
        notifier.announce()

    threads = [threading.Thread(target=announce) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(5):
        assert notified(context, f"m{number}") == Counter(["desk@example.org", "webhook"])


def test_messages_without_recipients_are_announced_once_there_are_some(context: Context) -> None:
    for name in ("m1", "m2"):
        leave(context.store, name)
    nobody = StaffNotifier(at_hours(context, ALWAYS, Notify()))
    nobody.announce()
    move_back(context, "m1", 9 * HOUR)
    nobody.remind()
    inbox.change(context.store, "m2", "take", "Ana")
    StaffNotifier(context).announce()
    assert notified(context) == Counter(["desk@example.org", "webhook"])
    assert not notified(context, "m2"), "a person has found it"


BY_LANGUAGE = {"de": ["anna@example.org"], "it": ["ida@example.org"]}


@pytest.mark.parametrize(
    ("mail", "lang", "people"),
    [
        ({"by_language": BY_LANGUAGE}, "de", ["anna@example.org"]),
        ({"by_language": BY_LANGUAGE}, "", ["anna@example.org", "ida@example.org"]),
        ({"by_language": BY_LANGUAGE}, "fr", ["anna@example.org", "ida@example.org"]),
        ({"by_language": {**BY_LANGUAGE, "fr": []}}, "fr", ["anna@example.org", "ida@example.org"]),
        ({"by_language": {"fr": []}, "recipients": ["desk@example.org"]}, "fr", ["desk@example.org"]),
    ],
)
def test_somebody_is_told_whatever_the_language(
    context: Context, mail: dict[str, Any], lang: str, people: list[str]
) -> None:
    whole = {"host": "localhost", "security": "none", "sender": "line@example.org", **mail}
    leave(context.store, "m1", lang=lang)
    StaffNotifier(at_hours(context, ALWAYS, Notify.model_validate({"mail": whole}))).announce()
    assert notified(context) == Counter(people)


# reminders


@pytest.fixture
def announced(context: Context) -> Context:
    """A context with a message that was just announced."""
    leave(context.store, "m1")
    StaffNotifier(context).announce()
    return context


def reminded(context: Context) -> int:
    StaffNotifier(context).remind()
    return notified(context, kind="message.reminder")["desk@example.org"]


def test_reminders_of_an_unanswered_message_are_limited(announced: Context) -> None:
    assert reminded(announced) == 0
    counts: list[Any] = []
    for _ in range(5):
        move_back(announced, "m1", 2 * HOUR)
        counts += [reminded(announced), reminded(announced)]
    assert counts == [1, 1, 2, 2, 2, 2, 2, 2, 2, 2]


def test_a_taken_message_causes_reminders_and_an_answered_one_does_not(announced: Context) -> None:
    inbox.change(announced.store, "m1", "take", "Ana")
    move_back(announced, "m1", 3 * HOUR)
    assert reminded(announced) == 1
    inbox.change(announced.store, "m1", "answer", "Ana")
    move_back(announced, "m1", 3 * HOUR)
    assert reminded(announced) == 1


def test_closed_hours_do_not_count(announced: Context) -> None:
    move_back(announced, "m1", 100 * HOUR)
    assert reminded(at_hours(announced, NEVER, NOTIFY)) == 0
    assert reminded(announced) == 1


def test_for_an_urgent_message_all_hours_count(context: Context) -> None:
    leave(context.store, "m1", urgency="pasaporte")
    StaffNotifier(context).announce()
    move_back(context, "m1", 2.1 * HOUR)
    assert reminded(at_hours(context, NEVER, NOTIFY)) == 1
    assert notified(context, kind="message.reminder")["head@example.org"] == 1


def test_an_unannounced_message_causes_no_reminder(context: Context) -> None:
    leave(context.store, "m1", ago_s=9 * HOUR)
    assert reminded(context) == 0


def test_each_delivery_has_an_id_of_its_own(announced: Context) -> None:
    with announced.store.connect() as connection:
        found = list(connection.scalars(sa.select(deliveries.c.id)))
    assert len(found) == len(set(found)) == 2
