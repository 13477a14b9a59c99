"""The events of ARI as frozen dataclasses; ``parse`` makes one event of one text and never raises.

Events that the service acts on have a class.  Any other well-formed event is ``Unknown``, anything else ``Garbage``.
Field names follow rest-api/api-docs/events.json of Asterisk 22.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Json = Mapping[str, object]


@dataclass(frozen=True)
class Channel:
    """A channel at the time of the event.

    id: unique id.
    name: such as ``PJSIP/softphone-00000001``.
    state: such as ``Up`` or ``Ring``.
    caller, caller_name: number and name of the caller, as the peer sent them.
    dialled, context: extension and context of the dialplan.
    language: language of its sounds.
    """

    id: str
    name: str = ""
    state: str = ""
    caller: str = ""
    caller_name: str = ""
    dialled: str = ""
    context: str = ""
    language: str = ""

    @property
    def is_media(self) -> bool:
        """Whether it is a media channel of this service, and not a caller."""
        return self.name.startswith("WebSocket/")


@dataclass(frozen=True)
class ChannelEvent:
    """Base of the events about one channel; ``timestamp`` is Asterisk's, in ISO 8601."""

    channel: Channel
    timestamp: str


@dataclass(frozen=True)
class CallBroadcast(ChannelEvent):
    """A caller waits for a worker to claim the call (StasisBroadcast)."""


@dataclass(frozen=True)
class CallClaimed(ChannelEvent):
    """The worker ``winner`` has claimed a caller."""

    winner: str


@dataclass(frozen=True)
class StasisStart(ChannelEvent):
    """The channel has entered our application; ``args`` come from the dialplan or from the request that made it."""

    args: tuple[str, ...]


@dataclass(frozen=True)
class StasisEnd(ChannelEvent):
    """The channel has left our application: it has hung up, or continues in the dialplan."""


@dataclass(frozen=True)
class ChannelStateChange(ChannelEvent):
    """The channel has the new state ``channel.state``."""


@dataclass(frozen=True)
class ChannelHangupRequest(ChannelEvent):
    """One side has hung up; ``cause`` is a cause of ITU-T Q.850."""

    cause: int


@dataclass(frozen=True)
class ChannelDestroyed(ChannelEvent):
    """The channel is gone; ``cause`` is of ITU-T Q.850: 16 normal, 17 busy, 19 no answer, 21 rejected."""

    cause: int
    cause_text: str


@dataclass(frozen=True)
class ChannelDtmfReceived(ChannelEvent):
    """A key as ARI reports it, doubled when keys follow fast; the media link's ``Dtmf`` is exact."""

    digit: str
    duration_ms: int


@dataclass(frozen=True)
class ChannelTalkingStarted(ChannelEvent):
    """The other party has begun to speak, on a channel with ``TALK_DETECT``."""


@dataclass(frozen=True)
class ChannelTalkingFinished(ChannelEvent):
    """The other party has been silent for the time given to ``TALK_DETECT``."""


@dataclass(frozen=True)
class Dial(ChannelEvent):
    """Progress of an outgoing call: ``channel`` is the called one, ``status`` such as BUSY or ANSWER."""

    status: str


@dataclass(frozen=True)
class RecordingEvent:
    """Base of the events about a recording; durations are in seconds, -1 when Asterisk gives none."""

    name: str
    channel_id: str
    timestamp: str
    duration: int = -1
    talking_duration: int = -1
    cause: str = ""


@dataclass(frozen=True)
class RecordingStarted(RecordingEvent):
    """The recording has begun, after the beep."""


@dataclass(frozen=True)
class RecordingFinished(RecordingEvent):
    """The file is complete, after a key, silence, the time limit or a hang-up."""


@dataclass(frozen=True)
class RecordingFailed(RecordingEvent):
    """Recording was not possible, or broke off."""


@dataclass(frozen=True)
class PlaybackFinished:
    """The end of a sound that Asterisk played; ``state`` is ``done`` or ``failed``."""

    id: str
    channel_id: str
    state: str
    timestamp: str


@dataclass(frozen=True)
class ApplicationReplaced:
    """Another process uses our application name now; our socket stays open and gets no more events."""

    application: str
    timestamp: str


@dataclass(frozen=True)
class ChannelGone:
    """The channel no longer existed when the event link came back.  Made by ``AriLink``, not by Asterisk."""

    channel_id: str


@dataclass(frozen=True)
class Unknown:
    """A well-formed event without a class here."""

    type: str
    timestamp: str


@dataclass(frozen=True)
class Garbage:
    """A message that is no event; ``reason`` says why, without its text."""

    reason: str


AriEvent = (
    ChannelEvent | RecordingEvent | PlaybackFinished | ApplicationReplaced | ChannelGone | Unknown | Garbage
)


def parse(text: str | bytes) -> AriEvent:
    """The event in one websocket message; never raises."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return Garbage("not JSON")
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return Garbage("no event type")
    build = _BUILDERS.get(message["type"])
    if build is None:
        return Unknown(message["type"], _text(message, "timestamp"))
    return build(message, _text(message, "timestamp")) or Garbage(
        f"{message['type']} without what it is about"
    )


def channel_of(event: AriEvent) -> str | None:
    """Id of the channel that an event is about, or None."""
    if isinstance(event, ChannelEvent):
        return event.channel.id
    if isinstance(event, RecordingEvent | PlaybackFinished | ChannelGone):
        return event.channel_id
    return None


def channel(value: object) -> Channel | None:
    """The channel in a JSON object of ARI; None when it has no id."""
    if not isinstance(value, dict) or not _text(value, "id"):
        return None
    caller, dialplan = _object(value, "caller"), _object(value, "dialplan")
    return Channel(
        id=_text(value, "id"),
        name=_text(value, "name"),
        state=_text(value, "state"),
        caller=_text(caller, "number"),
        caller_name=_text(caller, "name"),
        dialled=_text(dialplan, "exten"),
        context=_text(dialplan, "context"),
        language=_text(value, "language"),
    )


def _text(value: Json, key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""


def _number(value: Json, key: str, default: int = 0) -> int:
    found = value.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) else default


def _object(value: Json, key: str) -> Json:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _strings(value: Json, key: str) -> tuple[str, ...]:
    found = value.get(key)
    return tuple(item for item in found if isinstance(item, str)) if isinstance(found, list) else ()


Build = Callable[[Json, str], AriEvent | None]


def _about(make: Callable[[Channel, str, Json], AriEvent], key: str = "channel") -> Build:
    def build(message: Json, timestamp: str) -> AriEvent | None:
        about = channel(message.get(key))
        return None if about is None else make(about, timestamp, message)

    return build


def _recording(make: type[RecordingEvent]) -> Build:
    def build(message: Json, timestamp: str) -> AriEvent | None:
        about = _object(message, "recording")
        kind, _, target = _text(about, "target_uri").partition(":")
        if not _text(about, "name"):
            return None
        return make(
            name=_text(about, "name"),
            channel_id=target if kind == "channel" else "",
            timestamp=timestamp,
            duration=_number(about, "duration", -1),
            talking_duration=_number(about, "talking_duration", -1),
            cause=_text(about, "cause"),
        )

    return build


def _playback(message: Json, timestamp: str) -> AriEvent | None:
    about = _object(message, "playback")
    kind, _, target = _text(about, "target_uri").partition(":")
    if not _text(about, "id"):
        return None
    return PlaybackFinished(
        _text(about, "id"), target if kind == "channel" else "", _text(about, "state"), timestamp
    )


_BUILDERS: dict[str, Build] = {
    "CallBroadcast": _about(lambda c, t, m: CallBroadcast(c, t)),
    "CallClaimed": _about(lambda c, t, m: CallClaimed(c, t, _text(m, "winner_app"))),
    "StasisStart": _about(lambda c, t, m: StasisStart(c, t, _strings(m, "args"))),
    "StasisEnd": _about(lambda c, t, m: StasisEnd(c, t)),
    "ChannelStateChange": _about(lambda c, t, m: ChannelStateChange(c, t)),
    "ChannelHangupRequest": _about(lambda c, t, m: ChannelHangupRequest(c, t, _number(m, "cause"))),
    "ChannelDestroyed": _about(
        lambda c, t, m: ChannelDestroyed(c, t, _number(m, "cause"), _text(m, "cause_txt"))
    ),
    "ChannelDtmfReceived": _about(
        lambda c, t, m: ChannelDtmfReceived(c, t, _text(m, "digit"), _number(m, "duration_ms"))
    ),
    "ChannelTalkingStarted": _about(lambda c, t, m: ChannelTalkingStarted(c, t)),
    "ChannelTalkingFinished": _about(lambda c, t, m: ChannelTalkingFinished(c, t)),
    "Dial": _about(lambda c, t, m: Dial(c, t, _text(m, "dialstatus")), key="peer"),
    "RecordingStarted": _recording(RecordingStarted),
    "RecordingFinished": _recording(RecordingFinished),
    "RecordingFailed": _recording(RecordingFailed),
    "PlaybackFinished": _playback,
    "ApplicationReplaced": lambda m, t: ApplicationReplaced(_text(m, "application"), t),
}
