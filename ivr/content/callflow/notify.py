"""Notifications of the staff about messages: by e-mail, by webhook, and reminders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from ivr.content.callflow.fields import Language, problem
from ivr.core.yamlfile import Loc, ModelProblem, Severity, Strict

LOCAL = ("127.0.0.1", "localhost", "::1")
URGENT_AT_LEAST = 2
"""The fewest people who are notified of an urgent message, because one may be away."""


def _address(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]*[A-Za-z0-9]", value):
        raise problem(f"{value!r} is no e-mail address", "write it like desk@example.org")
    return value


def _url(value: object) -> object:
    """What callers said and their numbers go to this address, so plain HTTP is allowed on this machine only."""
    if value == "" or isinstance(value, str) and _is_safe(value):
        return value
    raise problem(f"{value!r} is no safe address", "write it like https://example.org/path")


def _is_safe(address: str) -> bool:
    """Whether it is an address that HTTP clients accept: ASCII, without spaces, a port that exists, and encrypted."""
    if not re.fullmatch(r"[!-~]+", address):
        return False
    try:
        parts = urlsplit(address)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets, or a port above 65535
        return False
    return usable and (parts.scheme == "https" or parts.scheme == "http" and parts.hostname in LOCAL)


Address = Annotated[str, BeforeValidator(_address)]
Url = Annotated[str, BeforeValidator(_url)]


class MailSettings(Strict):
    """The mail server and the recipients; the password is SMTP_PASSWORD in ``var/secrets.env``."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]*$")] = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    sender: Address | Literal[""] = ""
    recipients: list[Address] = []
    by_language: dict[Language, list[Address]] = {}
    urgent: list[Address] = []
    sound: Literal["attached", "linked", "none"] = "attached"
    link: Url = ""

    def to(self, lang: str, *, urgent: bool) -> list[str]:
        """Return the recipients for a message in ``lang``, each once.

        ``lang`` may be empty: of a message in the dialplan's fallback it is often unknown.  A language without
        recipients of its own has the usual ones; without usual ones everybody is told.
        """
        everybody = [address for addresses in self.by_language.values() for address in addresses]
        usual = self.by_language.get(lang) or self.recipients or everybody
        return list(dict.fromkeys([*usual, *(self.urgent if urgent else [])]))


class Notify(Strict):
    """Where notifications go.

    remind_h: hours until the reminder of an unanswered message.
    reminders: how many reminders of a message are sent at most.
    """

    mail: MailSettings = MailSettings()
    webhook: Url = ""
    remind_h: Annotated[float, Field(gt=0, le=240)] = 4
    reminders: Annotated[int, Field(ge=0, le=10)] = 3

    @property
    def anybody(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self.targets("", urgent=True))

    def targets(self, lang: str, *, urgent: bool) -> list[tuple[str, str]]:
        """Return channel and address of each notification of a message in ``lang``; the webhook has no address."""
        mail = [("mail", address) for address in self.mail.to(lang, urgent=urgent)] if self.mail.host else []
        return [*mail, *([("webhook", "")] if self.webhook else [])]

    def problems_at(self, loc: Loc, languages: list[str]) -> Iterator[ModelProblem]:
        """Yield contradictions between fields.

        loc: the place of this section in the file.
        languages: the languages of callers.
        """
        mail, where = self.mail, (*loc, "mail")
        if not mail.host and not self.webhook:
            message = "nobody is told of a message: no mail server, no webhook"
            yield ModelProblem(
                loc,
                message,
                "fill in mail.host and recipients, or webhook; until then look into the inbox",
                Severity.WARNING,
            )
        if not mail.host:
            return
        if not mail.sender:
            yield ModelProblem(
                (*where, "sender"), "sender is empty", "write the address that the mails come from"
            )
        if mail.sound == "linked" and not mail.link:
            yield ModelProblem((*where, "sound"), "sound is linked, but link is empty", "fill in link")
        if mail.username and mail.security == "none" and mail.host not in LOCAL:
            message = "the password would be sent in clear text"
            yield ModelProblem((*where, "security"), message, "write security: starttls, or tls")
        for lang in languages:
            told = mail.to(lang, urgent=True)
            if lang in mail.by_language and not mail.by_language[lang]:
                message, loc_of = f"nobody is told of messages in {lang}", (*where, "by_language", lang)
                yield ModelProblem(loc_of, message, "write an address, or take the line out")
            if not mail.to(lang, urgent=False):
                yield ModelProblem(where, f"nobody is told of messages in {lang}", "write recipients")
            elif len(told) < URGENT_AT_LEAST:
                message = f"of an urgent message in {lang} only {told[0]} is told"
                yield ModelProblem(where, message, "write one more address under urgent: one may be away")
