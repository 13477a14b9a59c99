"""What a simulated caller does, and what came of the call."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ivr.reporting.recording_analysis import Analysis


@dataclass(frozen=True)
class Digits:
    """Press ``keys`` once the service has been heard."""

    keys: str


@dataclass(frozen=True)
class Say:
    """Wait until the service has answered the previous step and is silent, then speak the file."""

    wav: Path


@dataclass(frozen=True)
class Interrupt:
    """Wait until the service speaks, then speak the file over it."""

    wav: Path


@dataclass(frozen=True)
class Wait:
    """Do nothing for ``seconds``."""

    seconds: float


@dataclass(frozen=True)
class HangUp:
    """Hang up."""


ScenarioStep = Digits | Say | Interrupt | Wait | HangUp


@dataclass(frozen=True)
class CallSpec:
    """One call to place.

    to: SIP address, for example ``sip:127.0.0.1:5060``.
    steps: what the caller does, in order; then they wait until the service hangs up.
    record: stereo WAV to write, or None.
    max_s: seconds from the answer after which the caller hangs up.
    quiet_s: seconds of silence that mean the service has stopped speaking.
    patience_s: seconds that a step waits for the service before it goes on.
    barge_s: seconds of the service's speech before ``Interrupt`` speaks.
    ring_s: seconds that the call may ring.
    rate: sampling rate of the recording in Hz.
    caller_id: number that the caller shows.
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
    """What came of a call.  Times are seconds since the answer, measured in the recorded audio.

    ok: answered, and the caller's media worked to the end.
    hangup_by: ``service``, ``caller``, or ``nobody`` when the call was not answered.
    duration_s: seconds from the answer to the hang-up.
    call_id: Call-ID of the SIP dialogue.
    failure: why the call was not answered or broke off, for example "busy".
    analysis: speech and turns found in the audio.
    gaps: where the service sent nothing: start and length in seconds.
    recording: the file that was written, or None.
    caller, service: the two legs, aligned, s16le mono 16 kHz.
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
