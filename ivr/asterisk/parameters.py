"""What the templates of Asterisk's configuration need from the call flow, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ivr.asterisk.contract import dial_string

WHISPER_S = 12
"""Longest announcement, in seconds, that an adviser hears before they press a key."""


@dataclass(frozen=True)
class PbxTelephone:
    """A telephone that is rung.

    id: its name in the dialplan.
    endpoint: name of an endpoint that registers here; or
    number: a number behind the trunk.
    languages: languages that are spoken there.
    lang: language in which it is told who waits.
    ring_s: seconds that it rings.
    """

    id: str
    endpoint: str = ""
    number: str = ""
    languages: tuple[str, ...] = ()
    lang: str = "fr"
    ring_s: int = 20

    @property
    def dial(self) -> str:
        """What Dial() takes for it."""
        return dial_string(self.endpoint, self.number)


@dataclass(frozen=True)
class Queue:
    """How callers wait, as in ``ivr.content.callflow.Handoff``; times in seconds.  ``ring_s`` is the longest."""

    music: str = "default"
    places: int = 20
    announce_s: int = 30
    accept_s: int = 6
    wrap_up_s: int = 10
    misses: int = 2
    wait_s: int = 120
    ring_s: int = 20

    @property
    def offer_s(self) -> int:
        """Seconds for one adviser: ringing, the announcement and the key, and some more than the dialplan needs."""
        return self.ring_s + WHISPER_S + self.accept_s + 5


@dataclass(frozen=True)
class TrunkParameters:
    """The operator.

    host, port: where calls are sent; an empty host sends none.
    username, password: the account there.
    register: whether the service registers.
    codecs: in order of preference.
    allowed: addresses and networks from which calls are accepted.
    """

    host: str = ""
    port: int = 5060
    username: str = ""
    register: bool = False
    codecs: tuple[str, ...] = ("alaw", "ulaw")
    allowed: tuple[str, ...] = ()
    password: str = field(default="", repr=False)

    @property
    def given(self) -> bool:
        """Whether there is a trunk."""
        return bool(self.host or self.allowed)


@dataclass(frozen=True)
class PbxParameters:
    """Everything that the templates need.

    advisers: telephones of the queues.
    fallback_phones: telephones that are rung, in this order, when no adviser is there.
    languages: those of the call flow, in its order.
    menu: key -> language.
    trunk, queue: see there.
    deadman_s: seconds after which the caller of a dead or stuck worker goes to the fallback.
    claim_ms: milliseconds that workers have to claim a caller.
    message_s: longest fallback message, in seconds.
    silence_s: seconds of silence that end it.
    record: whether both sides of a call are recorded.
    templates: the folder ``dialplans`` with the templates; None: that of the content.
    """

    advisers: tuple[PbxTelephone, ...] = (
        PbxTelephone("adviser1", endpoint="adviser1", languages=("fr", "en")),
    )
    fallback_phones: tuple[PbxTelephone, ...] = ()
    languages: tuple[str, ...] = ("fr", "en", "es", "de", "it")
    menu: Mapping[str, str] = field(
        default_factory=lambda: dict(zip("12345", ("fr", "en", "es", "de", "it"), strict=True))
    )
    trunk: TrunkParameters = TrunkParameters()
    queue: Queue = Queue()
    deadman_s: int = 6
    claim_ms: int = 1000
    message_s: int = 180
    silence_s: int = 6
    record: bool = True
    templates: Path | None = None
