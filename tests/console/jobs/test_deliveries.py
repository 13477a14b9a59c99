"""Deliveries to real servers that accept, refuse, drop, hang or are killed: each arrives, none is lost."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ivr.console.context import Context, open_context
from ivr.console.jobs import webhook
from ivr.console.jobs.deliveries import FIRST_S, GIVE_UP_S, LONGEST_S, Deliveries, pause
from ivr.console.jobs.mail import MailJob
from ivr.console.jobs.notifier import StaffNotifier
from ivr.console.jobs.webhook import SIGNATURE, TOLERANCE_S, WebhookJob, sign, verify
from ivr.content.callflow.notify import Notify
from ivr.core.settings import SECRET_NAMES, Settings, load
from ivr.service.child_process import ChildProcess
from ivr.store import outbox
from ivr.store.rows import DeliveryRow, MessageRow
from ivr.store.tables import deliveries
from tests.conftest import ROOT
from tests.console.messages import NUMBER, leave, record
from tests.console.peers import Hook, certificate, hook, postbox
from tests.service.calls.store import until

pytestmark = pytest.mark.slow

TEXT = "he perdido el pasaporte en el hotel"


@pytest.fixture
def context(settings: Settings, database: str) -> Iterator[Context]:
    """A console's context; tests set who is notified."""
    opened = open_context(dataclasses.replace(settings, database_url=database))
    yield opened
    opened.store.close()


def notifying(context: Context, **notify: Any) -> Context:
    """Set the ``notify`` section, store a message and queue its notifications."""
    flow = context.callflow.model_copy(update={"notify": Notify.model_validate(notify)})
    context = dataclasses.replace(context, callflow=flow)
    leave(context.store, "m1", TEXT, urgency="pasaporte")
    StaffNotifier(context).announce()
    return context


def by_mail(context: Context, port: int, **mail: Any) -> Context:
    """Notify one address by mail."""
    usual = {"host": "localhost", "port": port, "security": "none", "sender": "line@example.org"}
    return notifying(context, mail={**usual, "recipients": ["desk@example.org"], **mail})


def in_outbox(context: Context) -> DeliveryRow:
    (row,) = outbox.deliveries_of(context.store, "m1")
    return row


def make_due(context: Context, **values: float) -> None:
    """End the pause before the next attempt."""
    with context.store.begin() as connection:
        connection.execute(deliveries.update().values(**{"due": 0.0, **values}))


# mail


async def test_a_mail_holds_what_a_person_needs_and_the_sound(context: Context) -> None:
    sound = record(context.settings, "m1")
    with postbox() as box:
        context = by_mail(context, box.port, link="https://desk.example.org/messages/")
        await Deliveries(context, MailJob(context)).once()
    assert in_outbox(context).state == "sent" and box.to == ["desk@example.org"]
    (mail,) = box.mails
    assert mail["Subject"] == "URGENT (pasaporte): new message, es, 2 s"
    assert (mail["From"], mail["Auto-Submitted"]) == ("line@example.org", "auto-generated")
    body = mail.get_body()
    assert body is not None
    text = body.get_content()
    assert NUMBER in text and "https://desk.example.org/messages/m1" in text
    assert text.index("Automatic transcript, may be wrong") < text.index(TEXT)
    (attached,) = mail.iter_attachments()
    assert attached.get_content() == sound.read_bytes() and attached.get_content_type() == "audio/wav"


@pytest.mark.parametrize("policy", ["linked", "none"])
async def test_a_recording_is_not_attached_against_the_policy(context: Context, policy: str) -> None:
    record(context.settings, "m1")
    with postbox() as box:
        context = by_mail(context, box.port, sound=policy, link="https://desk.example.org/")
        await Deliveries(context, MailJob(context)).once()
    assert list(box.mails[0].iter_attachments()) == []


async def test_a_missing_recording_does_not_stop_the_mail(context: Context) -> None:
    with postbox() as box:
        context = by_mail(context, box.port)
        await Deliveries(context, MailJob(context)).once()
    assert len(box.mails) == 1


@pytest.mark.parametrize(
    ("reply", "expected"), [("later", "451 4.3.0"), ("never", "554 5.7.1"), ("drop", "localhost:")]
)
async def test_a_server_that_refuses_gets_the_mail_again(context: Context, reply: Any, expected: str) -> None:
    with postbox(reply) as box:
        context = by_mail(context, box.port)
        sending = Deliveries(context, MailJob(context))
        await sending.once()
        row = in_outbox(context)
        assert (row.state, row.attempts, box.mails) == ("waiting", 1, [])
        assert expected in row.error and 0 < row.due - time.time() <= FIRST_S
        await sending.once()
        assert box.tries == 1, "not before the pause is over"
        make_due(context)
        await sending.once()
    assert in_outbox(context).state == "sent"
    assert [mail["Message-ID"] for mail in box.mails] == [f"<{row.id}@example.org>"]


async def test_an_unreachable_server_gets_the_mail_later(context: Context) -> None:
    with postbox() as box:
        gone = box.port
    context = by_mail(context, gone)
    await Deliveries(context, MailJob(context)).once()
    assert "ConnectionRefusedError" in in_outbox(context).error


@pytest.mark.parametrize(("password", "state"), [("right", "sent"), ("wrong", "waiting")])
async def test_the_password_goes_over_tls_alone(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str, state: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate(tmp_path) / "cert.pem"))
    secrets = {**context.settings.secrets, "SMTP_PASSWORD": password}
    context = dataclasses.replace(context, settings=dataclasses.replace(context.settings, secrets=secrets))
    with postbox(tls=tmp_path) as box:
        context = by_mail(context, box.port, security="starttls", username="line")
        await Deliveries(context, MailJob(context)).once()
    row = in_outbox(context)
    assert row.state == state and (state == "sent" or "535" in row.error)
    assert set(box.logins) == {("line", password)}


@pytest.mark.parametrize("password", ["pä ss;wö#rd'\\\"=", "пароль"])
async def test_a_password_of_any_characters_logs_in(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate(tmp_path) / "cert.pem"))
    (tmp_path / "secrets").write_text(
        "".join(f"{name}=x\n" for name in SECRET_NAMES) + f"SMTP_PASSWORD={password}\n"
    )
    read = load({"IVR_SECRETS_FILE": str(tmp_path / "secrets")}, ROOT).secrets
    context = dataclasses.replace(context, settings=dataclasses.replace(context.settings, secrets=read))
    with postbox(tls=tmp_path) as box:
        box.password = password
        context = by_mail(context, box.port, security="starttls", username="ligne-d'été")
        await Deliveries(context, MailJob(context)).once()
    assert in_outbox(context).state == "sent" and box.logins == [("ligne-d'été", password)]


async def test_a_server_with_a_strange_certificate_gets_nothing(context: Context, tmp_path: Path) -> None:
    with postbox(tls=certificate(tmp_path)) as box:
        context = by_mail(context, box.port, security="starttls", username="line")
        await Deliveries(context, MailJob(context)).once()
    assert "certificate" in in_outbox(context).error.lower() and box.logins == [] and box.mails == []


# webhook


async def deliver(context: Context, served: Hook, count: int) -> None:
    """Make ``count`` attempts."""
    sending = Deliveries(context, WebhookJob(context))
    for _ in range(count):
        make_due(context)
        await sending.once()
    assert len(served.posted) == count


async def test_a_webhook_is_tried_until_it_answers_and_always_tells_the_same(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.5)
    async with hook(500, "drop", "hang", 302, 404, 200) as served:
        context = notifying(context, webhook=served.url)
        await deliver(context, served, 5)
        row = in_outbox(context)
        assert (row.state, row.attempts, row.error) == ("waiting", 5, "webhook: HTTP 404")
        await deliver_more(context, served)
    assert (in_outbox(context).state, in_outbox(context).error) == ("sent", "")
    secret = context.settings.secrets["WEBHOOK_SECRET"]
    for posted in served.posted:
        assert verify(secret, posted.body, posted.headers[SIGNATURE.lower()], time.time())
        assert posted.body == served.posted[0].body
        assert posted.headers["idempotency-key"] == posted.content["id"] == row.id
    told = served.posted[0].content
    assert (told["type"], told["message"]["id"], told["message"]["urgency"]) == (
        "message.new",
        "m1",
        ["pasaporte"],
    )
    assert told["message"]["transcript"]["automatic"] is True and told["message"]["number"] == NUMBER


async def test_a_receiver_that_drips_is_given_up_and_one_without_end_is_not_read(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "WHOLE_S", 1.0)
    async with hook("drip", "endless") as served:
        context = notifying(context, webhook=served.url)
        await deliver(context, served, 1)
        assert in_outbox(context).error == "webhook: no answer within 1 s"
        await deliver_more(context, served)
        assert in_outbox(context).state == "sent" and served.sent < 50_000_000


class Unforeseen:
    """A sender that fails with the first delivery as nobody thought of, and sends the others slowly."""

    channel = "webhook"

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(self, delivery: DeliveryRow, message: MessageRow) -> None:
        if message.id == "m1":
            raise UnicodeEncodeError("ascii", "é", 0, 1, "nobody thought of that")
        await asyncio.sleep(0.1)
        self.sent.append(message.id)


async def test_a_delivery_that_fails_unforeseen_is_tried_again_and_stops_no_other(context: Context) -> None:
    context = notifying(context, webhook="https://localhost/")
    leave(context.store, "m2")
    StaffNotifier(context).announce()
    sender = Unforeseen()
    for _ in range(2):
        await Deliveries(context, sender).once()
    assert sender.sent == ["m2"], "once"
    row = in_outbox(context)
    assert (row.state, row.attempts) == ("waiting", 1) and "UnicodeEncodeError" in row.error


async def deliver_more(context: Context, served: Hook) -> None:
    """Make one more attempt; after its success there is no other."""
    before = len(served.posted)
    for _ in range(2):
        make_due(context)
        await Deliveries(context, WebhookJob(context)).once()
    assert len(served.posted) == before + 1


def test_a_signature_is_good_for_its_body_its_time_and_its_secret_alone() -> None:
    header = sign("secret", b"body", 1_000_000)
    assert verify("secret", b"body", header, 1_000_000 + TOLERANCE_S)
    assert not verify("secret", b"body", header, 1_000_001 + TOLERANCE_S)
    assert not verify("secret", b"bodY", header, 1_000_000)
    assert not verify("Secret", b"body", header, 1_000_000)
    assert not verify("secret", b"body", header.replace("t=1000000", "t=1000001"), 1_000_000)
    for garbage in ("", "t=,v1=", "v1=abc", "t=x,v1=abc", "t=\u0663,v1=\u00e9"):
        assert not verify("secret", b"body", garbage, 1_000_000)


async def test_two_senders_on_one_store_send_once(context: Context) -> None:
    async with hook() as served:
        context = notifying(context, webhook=served.url)
        await asyncio.gather(*(Deliveries(context, WebhookJob(context)).once() for _ in range(4)))
        assert len(served.posted) == 1


# failures


def test_pauses_grow_to_an_hour_and_differ() -> None:
    for attempts in range(1, 80):
        longest = min(FIRST_S * 2 ** (attempts - 1), LONGEST_S)
        found = {pause(attempts) for _ in range(20)}
        assert all(longest / 2 <= wait <= longest for wait in found) and len(found) > 1


async def test_after_three_days_an_alarm_is_logged_without_data_of_the_caller(
    context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with hook(500, 500) as served:
        context = notifying(context, webhook=served.url)
        await deliver(context, served, 1)
        make_due(context, created=time.time() - GIVE_UP_S - 1)
        await Deliveries(context, WebhookJob(context)).once()
        row = in_outbox(context)
        assert (row.state, row.attempts) == ("given-up", 2) and "ALARM" in caplog.text
        make_due(context)
        await Deliveries(context, WebhookJob(context)).once()
        assert len(served.posted) == 2
    assert NUMBER not in caplog.text and TEXT not in caplog.text and "pasaporte" not in caplog.text


async def test_a_deleted_message_is_not_sent(context: Context) -> None:
    async with hook() as served:
        context = notifying(context, webhook=served.url)
        with context.store.begin() as connection:  # as SQLite leaves it: no foreign keys there
            if connection.dialect.name == "postgresql":
                pytest.skip("PostgreSQL also deletes the deliveries")
            connection.execute(sa.text("DELETE FROM messages"))
        await Deliveries(context, WebhookJob(context)).once()
        assert served.posted == [] and in_outbox(context).state == "given-up"


# the process


def root_with(folder: Path, notify: str) -> Path:
    """Create a root folder with another ``notify`` section."""
    shutil.copytree(ROOT / "dialplans", folder / "dialplans")
    for name in ("nlu", "voices"):
        (folder / name).symlink_to(ROOT / name)
    file = folder / "dialplans/callflow.yml"
    before, _, rest = file.read_text("utf-8").partition("\nnotify:\n")
    after = rest[rest.index("\nlimits:\n") :]
    file.write_text(f"{before}\nnotify:\n{notify}{after}", "utf-8")
    return folder


async def test_a_console_that_is_killed_while_it_delivers_delivers_after_its_return(
    settings: Settings, database: str, tmp_path: Path
) -> None:
    async with hook("hang") as served:
        root = root_with(tmp_path / "root", f"  webhook: {served.url}\n")
        settings = dataclasses.replace(settings, root=root, database_url=database)
        context = open_context(settings)
        leave(context.store, "m1", TEXT)
        console = ChildProcess(settings, "ivr.console", "console")
        console.supervise()
        try:
            await until(lambda: arrived(served, 1), "the webhook was not called")
            os.kill(console.pid, signal.SIGKILL)
            served.released.set()
            make_due(context)  # the claim of the killed process has expired
            await until(lambda: arrived(served, 2), "it was not delivered again")
            await until(lambda: is_sent(context), "it was not recorded")
        finally:
            await console.stop()
            context.store.close()
    assert served.posted[0].content["id"] == served.posted[1].content["id"]
    log = (settings.state / "logs/console.log").read_text()
    assert NUMBER not in log and TEXT not in log and "Traceback" not in log


async def arrived(served: Hook, count: int) -> bool:
    return len(served.posted) >= count


async def is_sent(context: Context) -> bool:
    return in_outbox(context).state == "sent"
