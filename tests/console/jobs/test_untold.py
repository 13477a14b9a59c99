"""What nobody was told of is reported, loudly, and once a day."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from ivr.console.context import Context, open_context
from ivr.console.jobs.notifier import StaffNotifier
from ivr.console.jobs.untold import UntoldReport
from ivr.content.callflow.notify import Notify
from ivr.core import events
from ivr.core.settings import Settings
from ivr.store import callbacks, inbox, outbox
from ivr.store.writer import write
from tests.console.jobs.test_notifier import ALWAYS, HOUR, NOTIFY, at_hours
from tests.console.messages import NUMBER, leave
from tests.store.calls import PSEUDONYMS, stamped


@pytest.fixture
def context(settings: Settings, database: str) -> Iterator[Context]:
    """The context of an office as it is set up at first: no mail, no webhook, no trunk."""
    opened = open_context(dataclasses.replace(settings, database_url=database))
    yield at_hours(opened, ALWAYS, Notify())
    opened.store.close()


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("ALARM")]


def test_a_message_in_an_office_that_told_nobody_is_an_alarm_once_a_day(
    context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    leave(context.store, "m1", urgency="pasaporte", ago_s=2 * HOUR)
    StaffNotifier(context).announce()
    report = UntoldReport(context)
    for _ in range(3):
        report.once()
    [line] = alarms(caplog)
    assert "nobody was told of 1 messages (1 urgent)" in line and NUMBER not in line
    inbox.change(context.store, "m1", "take", "Ana")
    caplog.clear()
    report.once()
    assert alarms(caplog) == [] and outbox.untold(context.store, 9e9) == []


@pytest.mark.parametrize(("state", "told"), [("waiting", False), ("given-up", False), ("sent", True)])
def test_only_a_delivery_tells(
    context: Context, caplog: pytest.LogCaptureFixture, state: str, told: bool
) -> None:
    context = at_hours(context, ALWAYS, NOTIFY)
    leave(context.store, "m1", ago_s=2 * HOUR)
    StaffNotifier(context).announce()
    mail = outbox.deliveries_of(context.store, "m1")[0].id
    if state != "waiting":
        outbox.sent(context.store, mail) if told else outbox.failed(context.store, mail, "no", None)
    UntoldReport(context).once()
    assert bool(alarms(caplog)) != told


def wanted(context: Context, id: str, end_ago_s: float) -> None:
    end = context.now().timestamp() - end_ago_s
    asked = events.CallbackWanted(id, NUMBER, "es", end - HOUR, end, "")
    write(context.store, stamped(f"call-{id}", events.CallStarted(NUMBER, "1", "w"), asked), PSEUDONYMS)


def test_a_callback_that_nobody_makes_is_an_alarm(context: Context, caplog: pytest.LogCaptureFixture) -> None:
    wanted(context, "late", HOUR)
    wanted(context, "later", -HOUR)
    wanted(context, "closed", HOUR)
    callbacks.close(context.store, "closed", "not reached in 3 windows")
    UntoldReport(context).once()
    first, second = alarms(caplog)
    assert "1 callbacks were not made" in first and "1 callbacks were given up" in second
