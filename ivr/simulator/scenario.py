"""What a test caller shall do, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ivr.reporting.recording_analysis import Analysis


@dataclass(frozen=True)
class Digits:
    """Press these keys, as soon as the service has once been heard."""

    keys: str


@dataclass(frozen=True)
class Say:
    """Wait until the service has answered what came before and is quiet again, then speak the file."""

    wav: Path


@dataclass(frozen=True)
class Interrupt:
    """Wait until the service speaks, then speak the file into it."""

    wav: Path


@dataclass(frozen=True)
class Wait:
    """Do nothing for this many seconds."""

    seconds: float


@dataclass(frozen=True)
class HangUp:
    """Hang up."""


ScenarioStep = Digits | Say | Interrupt | Wait | HangUp


@dataclass(frozen=True)
class CallSpec:
    """One call to place.

    ``to`` is a SIP address (``sip:127.0.0.1:5060``); ``max_s`` the seconds after which the caller hangs up;
    ``quiet_s`` the silence that counts as "has stopped speaking"; ``patience_s`` how long a step waits
    for the service before it goes on regardless; ``barge_s`` how long the service has spoken when it is
    interrupted; ``ring_s`` how long it may ring.
    """

    to: str
    steps: tuple[ScenarioStep, ...] = ()
    record: Path | None = None
    max_s: float = 120.0
    quiet_s: float = 0.7
    patience_s: float = 10.0
    barge_s: float = 0.5
    ring_s: int = 30
    rate: int = 16_000
    caller_id: str = ""


@dataclass(frozen=True)
class CallReport:
    """What came of a call; times in seconds from the answer, measured in the recorded audio.

    ``hangup_by``: ``service``, ``caller``, or ``nobody`` when it was not answered (``failure`` then says
    why, for instance BUSY).  ``caller`` and ``service`` are the two legs, s16le mono 16 kHz, aligned.
    ``call_id`` is the Call-ID of the SIP dialogue; ``gaps`` (start and length in seconds) are where the service
    sent nothing.
    """

    ok: bool
    hangup_by: str
    duration_s: float
    call_id: str
    failure: str = ""
    analysis: Analysis = field(default=Analysis((), (), (), None))
    gaps: tuple[tuple[float, float], ...] = ()
    recording: Path | None = None
    caller: bytes = field(default=b"", repr=False)
    service: bytes = field(default=b"", repr=False)

    def summary(self) -> dict[str, object]:
        """The last line of ``ivr call --json``."""
        return {
            "event": "summary",
            "ok": self.ok,
            "turns": [
                {
                    "caller_end": turn.caller_end,
                    "answer_start": turn.answer_start,
                    "mouth_to_ear_s": turn.mouth_to_ear_s,
                }
                for turn in self.analysis.turns
            ],
            "greeting_s": self.analysis.greeting_s,
            "recording": str(self.recording) if self.recording else None,
            "hangup_by": self.hangup_by,
            "call_id": self.call_id,
        }
