"""What Asterisk's configuration must know from the call flow, in plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ivr.asterisk.contract import dial_string

WHISPER_S = 12
"""Longest time an adviser is spoken to before his key is waited for."""


@dataclass(frozen=True)
class PbxTelephone:
    """One that is rung for ``ring_s`` seconds: an ``endpoint`` of ours or a ``number`` behind the trunk.

    ``id`` is its name in the dialplan; ``lang`` the language in which it is told who waits.
    """

    id: str
    endpoint: str = ""
    number: str = ""
    languages: tuple[str, ...] = ()
    lang: str = "fr"
    ring_s: int = 20

    @property
    def dial(self) -> str:
        """As Dial() takes it."""
        return dial_string(self.endpoint, self.number)


@dataclass(frozen=True)
class Queue:
    """How callers wait; times in seconds, see ``ivr.content.callflow.Handoff``.  ``ring_s``: the longest of all."""

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
        """Ringing, being told, and the key: longer than the dialplan itself takes for one adviser."""
        return self.ring_s + WHISPER_S + self.accept_s + 5


@dataclass(frozen=True)
class TrunkParameters:
    """The operator: where calls come from (``allowed``) and go to (``host``; empty: nowhere)."""

    host: str = ""
    port: int = 5060
    username: str = ""
    register: bool = False
    codecs: tuple[str, ...] = ("alaw", "ulaw")
    allowed: tuple[str, ...] = ()
    password: str = field(default="", repr=False)

    @property
    def given(self) -> bool:
        """Whether there is one."""
        return bool(self.host or self.allowed)


@dataclass(frozen=True)
class PbxParameters:
    """All of it.

    Times in seconds: ``deadman_s`` after which a caller of a dead or stuck application goes to the fallback,
    ``message_s`` and ``silence_s`` for the fallback's message.  ``claim_ms`` is how long workers have to
    claim a caller.  ``spares`` are rung when no adviser is there, in their order.  ``record``: whether both
    legs are recorded, ``languages`` those of the call flow in their order, ``menu`` a key for each.
    """

    advisers: tuple[PbxTelephone, ...] = (
        PbxTelephone("adviser1", endpoint="adviser1", languages=("fr", "en")),
    )
    spares: tuple[PbxTelephone, ...] = ()
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
