"""ARI events: real ones as Asterisk 22 sends them, and garbage."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk import ari_events as ev
from tests.fakes.shapes import JSON

CHANNEL = {
    "id": "main-1795305000.3",
    "name": "PJSIP/softphone-00000001",
    "state": "Ring",
    "protocol_id": "b57bb76b",
    "caller": {"name": "Marie", "number": "+33123456789"},
    "connected": {"name": "", "number": ""},
    "accountcode": "",
    "dialplan": {
        "context": "entry",
        "exten": "s",
        "priority": 3,
        "app_name": "StasisBroadcast",
        "app_data": "",
    },
    "creationtime": "2026-11-22T00:30:06.101+0000",
    "language": "fr",
}
HAVE = ev.Channel(
    id="main-1795305000.3",
    name="PJSIP/softphone-00000001",
    state="Ring",
    caller="+33123456789",
    caller_name="Marie",
    dialled="s",
    context="entry",
    language="fr",
)
T = "2026-11-22T00:30:06.123+0000"


def message(type: str, **fields: object) -> str:
    return json.dumps({"type": type, "timestamp": T, "application": "accueil-1", **fields})


RECORDING = {
    "name": "box/m1",
    "format": "wav",
    "target_uri": "channel:main-1795305000.3",
    "state": "done",
    "duration": 7,
    "talking_duration": 5,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            message("StasisStart", args=["return", "BUSY"], channel=CHANNEL),
            ev.StasisStart(HAVE, T, ("return", "BUSY")),
        ),
        (message("StasisStart", args=[], channel=CHANNEL), ev.StasisStart(HAVE, T, ())),
        (message("StasisEnd", channel=CHANNEL), ev.StasisEnd(HAVE, T)),
        (message("CallBroadcast", channel=CHANNEL, caller="+33123456789"), ev.CallBroadcast(HAVE, T)),
        (
            message("CallClaimed", channel=CHANNEL, winner_app="accueil-2"),
            ev.CallClaimed(HAVE, T, "accueil-2"),
        ),
        (message("ChannelStateChange", channel=CHANNEL), ev.ChannelStateChange(HAVE, T)),
        (message("ChannelHangupRequest", cause=16, channel=CHANNEL), ev.ChannelHangupRequest(HAVE, T, 16)),
        (
            message("ChannelDestroyed", cause=17, cause_txt="User busy", channel=CHANNEL),
            ev.ChannelDestroyed(HAVE, T, 17, "User busy"),
        ),
        (
            message("ChannelDtmfReceived", digit="5", duration_ms=120, channel=CHANNEL),
            ev.ChannelDtmfReceived(HAVE, T, "5", 120),
        ),
        (message("Dial", dialstatus="ANSWER", peer=CHANNEL), ev.Dial(HAVE, T, "ANSWER")),
        (
            message("RecordingFinished", recording=RECORDING),
            ev.RecordingFinished("box/m1", HAVE.id, T, duration=7, talking_duration=5),
        ),
        (
            message(
                "RecordingFailed", recording={"name": "a", "target_uri": "bridge:b", "cause": "disk full"}
            ),
            ev.RecordingFailed("a", "", T, cause="disk full"),
        ),
        (message("RecordingStarted", recording=RECORDING), ev.RecordingStarted("box/m1", HAVE.id, T, 7, 5)),
        (
            message("PlaybackFinished", playback={"id": "p", "target_uri": "channel:c", "state": "done"}),
            ev.PlaybackFinished("p", "c", "done", T),
        ),
        (message("ApplicationReplaced"), ev.ApplicationReplaced("accueil-1", T)),
        (message("ChannelVarset", variable="X", value="1"), ev.Unknown("ChannelVarset", T)),
    ],
)
def test_events_that_asterisk_sends(text: str, expected: ev.AriEvent) -> None:
    assert ev.parse(text) == expected


def test_which_channel_an_event_belongs_to() -> None:
    assert ev.channel_of(ev.parse(message("StasisEnd", channel=CHANNEL))) == HAVE.id
    assert ev.channel_of(ev.parse(message("RecordingFinished", recording=RECORDING))) == HAVE.id
    assert ev.channel_of(ev.ChannelGone("x")) == "x"
    assert ev.channel_of(ev.parse(message("ApplicationReplaced"))) is None


def test_our_own_media_channels_are_no_callers() -> None:
    assert ev.Channel("x", name="WebSocket/INCOMING/0x7f").is_media
    assert not HAVE.is_media


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"type": 5}',
        "[" * 100_000,
        b"\xff\xfe",
        message("StasisStart"),
        message("Dial"),
    ],
)
def test_garbage_is_a_value(text: str | bytes) -> None:
    assert isinstance(ev.parse(text), ev.Garbage)


def test_garbage_does_not_repeat_what_was_sent() -> None:
    found = ev.parse('{"type": "StasisStart", "channel": {"caller": "+33123456789"}}')
    assert isinstance(found, ev.Garbage) and "33" not in found.reason


FIELDS = st.sampled_from(
    [
        "channel",
        "peer",
        "recording",
        "playback",
        "args",
        "cause",
        "digit",
        "timestamp",
        "duration_ms",
        "application",
    ]
)
OBJECT = st.dictionaries(
    st.sampled_from(["id", "name", "caller", "dialplan", "state", "target_uri", "duration"]), JSON, max_size=5
)


@given(st.sampled_from(sorted(ev._BUILDERS)), st.dictionaries(FIELDS, JSON | OBJECT, max_size=6))
def test_any_shape_of_a_known_event_is_parsed_or_garbage(type: str, fields: dict[str, object]) -> None:
    found = ev.parse(json.dumps({**fields, "type": type}))
    assert isinstance(found, ev.AriEvent)  # type: ignore[arg-type]
    ev.channel_of(found)


@given(st.text() | st.binary() | JSON.map(json.dumps))
def test_any_text_at_all(text: str | bytes) -> None:
    assert isinstance(ev.parse(text), ev.AriEvent)  # type: ignore[arg-type]
