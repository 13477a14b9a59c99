"""What a turn depended on beside its audio, and what was decoded: enough for a replay to repeat the turn."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class DecodedSpan:
    """The audio that was decoded.

    from_s, to_s: its place in the call's audio, in seconds.
    sum: its CRC-32 in hexadecimal, by which a replay knows that it decodes the same audio.
    gaps: its frames without any sound, in the format of ``ivr.core.run_lengths``.  There the line was late or
        silent, and the recording may not have these frames.
    """

    from_s: float = 0.0
    to_s: float = 0.0
    sum: str = ""
    gaps: str = ""


@dataclass(frozen=True)
class Decode:
    """One decode of the recogniser.

    start: the frame at which it began.
    took: how many frames later its result was there; None: it was thrown away.
    once: whether the turn ended while a second decode still ran.
    """

    start: int
    took: int | None = None
    once: bool = False

    def __str__(self) -> str:
        """The text that events hold: ``80+25``, ``80+`` or ``80+25!``."""
        took = "" if self.took is None else self.took
        return f"{self.start}+{took}{'!' if self.once else ''}"

    @classmethod
    def read(cls, text: str) -> Decode:
        """Return the decode that ``str`` wrote as ``text``."""
        start, _, rest = text.partition("+")
        took = rest.rstrip("!")
        return cls(int(start), int(took) if took else None, once="!" in rest)


@dataclass(frozen=True)
class TurnTrace:
    """What else a turn depended on, in frames of the listener, counted from 1.

    since, until: the first and last frame listened to.
    voice: the first and last voiced frame of the utterance, or (0, 0).
    prompt: the frames in which a prompt was played or about to begin.
    decodes: the decodes of the turn.
    """

    since: int = 0
    until: int = 0
    voice: tuple[int, int] = (0, 0)
    prompt: tuple[int, ...] = ()
    decodes: tuple[Decode, ...] = ()

    def then(self, later: TurnTrace) -> TurnTrace:
        """Return the trace of this and the next listening, where a turn took more than one."""
        return TurnTrace(
            self.since or later.since,
            later.until,
            later.voice,
            self.prompt + later.prompt,
            self.decodes + later.decodes,
        )


@dataclass
class TurnTraceBuilder:
    """The trace of a turn that goes on.

    begun: the newest frame when listening began.
    since, prompt, decodes: as in ``TurnTrace``.
    """

    begun: int
    since: int = 0
    prompt: list[int] = field(default_factory=list)
    decodes: list[Decode] = field(default_factory=list)

    def takes(self, frame: int, speaking: bool) -> bool:
        """Note a frame; returns whether it counts as heard during a prompt.

        speaking: whether a prompt was played.  A frame older than the listening counts too: the prompt was about
        to begin.
        """
        self.since = self.since or frame
        speaking = speaking or frame <= self.begun
        if speaking:
            self.prompt.append(frame)
        return speaking

    def build(self, until: int, voice: tuple[int, int] = (0, 0)) -> TurnTrace:
        """Return the trace up to the frame ``until``; ``voice`` as in ``TurnTrace``."""
        return TurnTrace(self.since or until + 1, until, voice, tuple(self.prompt), tuple(self.decodes))
