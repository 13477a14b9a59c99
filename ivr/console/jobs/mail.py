"""Sends notifications by e-mail over SMTP."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import logging
import smtplib
import socket
import ssl
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from ivr.console.context import Context
from ivr.content.callflow.notify import MailSettings as MailSettings
from ivr.core.errors import NotDelivered
from ivr.core.pseudonyms import shown
from ivr.store.rows import DeliveryRow, MessageRow
from ivr.store.states import TranscriptState

log = logging.getLogger(__name__)

TIMEOUT_S = 20.0
"""Time-out of each step of the SMTP dialogue."""
WHOLE_S = 150.0
"""Longest attempt, in seconds; shorter than the lease of a delivery."""
LARGEST_BYTES = 8_000_000
"""Largest attachment: servers refuse mails above 10 MB, and base64 adds a third."""
TYPES = {".wav": "wav", ".flac": "flac"}


class MailJob:
    """Sends mails through the server of ``notify.mail``."""

    channel = "mail"

    def __init__(self, context: Context) -> None:
        self._mail = context.callflow.notify.mail
        self._password = context.settings.secrets.get("SMTP_PASSWORD", "")
        self._state = context.settings.state_dir
        self._zone = context.callflow.hours.zone

    async def send(self, delivery: DeliveryRow, message: MessageRow) -> None:
        """Send one mail about ``message``; raises NotDelivered."""
        if not self._mail.host:
            raise NotDelivered("notify.mail.host is empty now")
        opened: list[smtplib.SMTP] = []
        try:
            async with asyncio.timeout(WHOLE_S):
                await asyncio.to_thread(self._send, delivery, message, opened)
        except TimeoutError:
            for smtp in opened:
                _hang_up(smtp)
            raise NotDelivered(f"{self._mail.host}: not done within {WHOLE_S:g} s") from None

    def _send(self, delivery: DeliveryRow, message: MessageRow, opened: list[smtplib.SMTP]) -> None:
        """Send it, in a thread; ``opened`` takes the connection, so that another thread can end it."""
        sound = self._state.stored(message.file) if self._mail.sound == "attached" else None
        composed = compose(self._mail, delivery, message, self._zone, sound)
        try:
            with self._connect() as smtp:
                opened.append(smtp)
                if self._mail.security == "starttls":
                    smtp.starttls(context=ssl.create_default_context())
                if self._mail.username:
                    _login(smtp, self._mail.username, self._password)
                smtp.send_message(composed)
        except smtplib.SMTPResponseException as error:
            raise NotDelivered(f"{self._mail.host}: {error.smtp_code} {_words(error.smtp_error)}") from None
        except smtplib.SMTPRecipientsRefused as error:
            code, words = next(iter(error.recipients.values()))
            raise NotDelivered(f"{self._mail.host}: {code} {_words(words)}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise NotDelivered(f"{self._mail.host}: {type(error).__name__}: {error}") from None

    def _connect(self) -> smtplib.SMTP:
        host, port = self._mail.host, self._mail.port
        if self._mail.security == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())
        return smtplib.SMTP(host, port, timeout=TIMEOUT_S)


def compose(
    mail: MailSettings, delivery: DeliveryRow, message: MessageRow, zone: dt.tzinfo, sound: Path | None
) -> EmailMessage:
    """Write the mail for ``delivery`` about ``message``.

    mail: the ``notify.mail`` section of callflow.yml.
    zone: time zone of the office.
    sound: recording to attach, or None.
    The Message-ID is the same at every attempt, so that duplicates can be recognised.
    """
    left = dt.datetime.fromtimestamp(message.left_at, zone)
    composed = EmailMessage()
    composed["Subject"] = _subject(delivery, message)
    composed["From"], composed["To"] = mail.sender, delivery.target
    composed["Date"] = format_datetime(dt.datetime.fromtimestamp(delivery.created, dt.UTC))
    composed["Message-ID"] = f"<{delivery.id}@{mail.sender.rpartition('@')[2]}>"
    composed["Auto-Submitted"] = "auto-generated"  # RFC 3834: suppresses automatic replies
    if message.urgency:
        composed["Importance"], composed["X-Priority"] = "high", "1"
    composed.set_content("\n".join(_lines(mail, message, left)) + "\n")
    if sound is not None:
        _attach(composed, sound, message.id)
    return composed


def _login(smtp: smtplib.SMTP, user: str, password: str) -> None:
    """Log in with any characters.

    smtplib's own ``login`` encodes both as ASCII; RFC 4616 (PLAIN) wants UTF-8, and servers read LOGIN so.  The
    attributes are those that smtplib's ``auth_plain`` reads.
    """
    if user.isascii() and password.isascii():
        smtp.login(user, password)
        return
    smtp.ehlo_or_helo_if_needed()
    offered = smtp.esmtp_features.get("auth", "").upper().split()
    if "PLAIN" in offered:
        code, words = smtp.docmd("AUTH", f"PLAIN {_base64(f'{chr(0)}{user}{chr(0)}{password}')}")
    else:
        smtp.docmd("AUTH", f"LOGIN {_base64(user)}")
        code, words = smtp.docmd(_base64(password))
    if code not in (235, 503):
        raise smtplib.SMTPAuthenticationError(code, words)


def _hang_up(smtp: smtplib.SMTP) -> None:
    """End a connection on which another thread waits."""
    if smtp.sock is not None:
        with contextlib.suppress(OSError):
            smtp.sock.shutdown(socket.SHUT_RDWR)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _subject(delivery: DeliveryRow, message: MessageRow) -> str:
    urgent = f"URGENT ({message.urgency}): " if message.urgency else ""
    what = "still unanswered" if delivery.kind == "message.reminder" else "new message"
    return _line(f"{urgent}{what}, {message.lang or 'language unknown'}, {message.seconds:.0f} s")


def _lines(mail: MailSettings, message: MessageRow, left: dt.datetime) -> list[str]:
    words = message.transcript or "(none: please listen)"
    whole = message.transcribed != TranscriptState.NOT_POSSIBLE
    lines = [
        f"From:      {_line(shown(message.number)) or 'number withheld'}",
        f"Left:      {left:%A %d %B %Y, %H:%M}",
        f"Language:  {message.lang or 'unknown'}",
        f"Length:    {message.seconds:.0f} s",
        *([f"Urgent:    {message.urgency}"] if message.urgency else []),
        "",
        "Automatic transcript, may be wrong:"
        if whole
        else "The transcript failed, please listen. Its beginning:",
        words,
        "",
        f"Message {message.id}",
    ]
    return [*lines, f"Open it: {mail.link}{message.id}"] if mail.link else lines


def _attach(composed: EmailMessage, sound: Path, name: str) -> None:
    """Attach the recording, unless it is missing or too large."""
    try:
        content = sound.read_bytes()
    except OSError as error:
        log.warning("message %s: its sound is not attached (%s)", name, error.strerror)
        return
    if len(content) <= LARGEST_BYTES:
        kind = TYPES.get(sound.suffix, "basic")
        composed.add_attachment(content, maintype="audio", subtype=kind, filename=f"{name}{sound.suffix}")


def _line(text: str) -> str:
    """A text from outside on one line: a break in it must not begin a line of ours."""
    return " ".join(text.split())


def _words(reply: bytes | str) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
