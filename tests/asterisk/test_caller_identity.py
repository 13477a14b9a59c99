"""The caller's number as an operator's switch sends it: any bytes, and withheld in every way.

The switch is a UDP socket at an address of its own, from which the trunk accepts calls.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Callable, Iterator

import pytest

from ivr.asterisk.ari_events import Channel
from ivr.asterisk.config import remove, render
from ivr.asterisk.parameters import PbxParameters, TrunkParameters
from ivr.asterisk.process import Asterisk
from ivr.core.settings import Settings
from tests.asterisk.conftest import apology
from tests.asterisk.peers import RealPeer, desk
from tests.conftest import Resident, fresh_settings

pytestmark = pytest.mark.asterisk
SWITCH = "127.0.0.77"
NUMBER = "33612345678"
FROM = f'"Ann Smith" <sip:{NUMBER}@operator.example>'
PAI = f'P-Asserted-Identity: "Ann Smith" <sip:+{NUMBER}@operator.example>'
SDP = (
    f"v=0\r\no=- 1 1 IN IP4 {SWITCH}\r\ns=-\r\nc=IN IP4 {SWITCH}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"
    "a=rtpmap:8 PCMA/8000\r\n"
)
_serial = itertools.count(1)


@pytest.fixture(scope="module")
def behind_switch(hold: Callable[[], Resident]) -> Iterator[Settings]:
    """A running Asterisk whose trunk accepts calls from the switch."""
    settings = fresh_settings()
    render(settings, PbxParameters(trunk=TrunkParameters(allowed=(SWITCH,))))
    apology(settings.pbx / "sounds")
    resident = hold()
    resident.enter(Asterisk(settings))
    yield settings
    resident.leave()
    remove(settings)


def invite(port: int, own: int, who: str, *headers: str, sdp: str = SDP) -> bytes:
    """An INVITE; latin-1 characters of the arguments are its bytes."""
    serial = next(_serial)
    lines = [
        f"INVITE sip:accueil@127.0.0.1:{port} SIP/2.0",
        f"Via: SIP/2.0/UDP {SWITCH}:{own};branch=z9hG4bK-{own}-{serial}",
        f"From: {who};tag=t{serial}",
        "To: <sip:accueil@127.0.0.1>",
        f"Call-ID: {own}-{serial}",
        "CSeq: 1 INVITE",
        f"Contact: <sip:switch@{SWITCH}:{own}>",
        "Max-Forwards: 70",
        *headers,
        *(["Content-Type: application/sdp"] if sdp else []),
        f"Content-Length: {len(sdp)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + sdp).encode("latin-1")


async def arrives(settings: Settings, who: str, *headers: str, sdp: str = SDP) -> Channel:
    """The channel of such a call, as the application gets it; the call is ended then."""
    peer = RealPeer(settings, None, None)  # type: ignore[arg-type]  # the switch calls, not a telephone
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as switch:
        switch.bind((SWITCH, 0))
        switch.setblocking(False)
        async with desk(peer) as worker:
            message = invite(settings.sip_port, switch.getsockname()[1], who, *headers, sdp=sdp)
            await asyncio.get_running_loop().sock_sendto(switch, message, ("127.0.0.1", settings.sip_port))
            arrival = await worker.arrival()
            await worker.ari.hangup(arrival.channel.id)
    return arrival.channel


@pytest.mark.parametrize(
    ("who", "headers", "number"),
    [
        (FROM, (), NUMBER),
        (FROM, (PAI,), f"+{NUMBER}"),
        (FROM, (PAI, "Privacy: none"), f"+{NUMBER}"),
        (FROM, (f'Remote-Party-ID: "Ann Smith" <sip:{NUMBER}@a.example>;privacy=off;screen=yes',), NUMBER),
    ],
    ids=["from", "asserted", "no privacy", "remote party"],
)
async def test_a_number_that_is_shown_arrives(
    behind_switch: Settings, who: str, headers: tuple[str, ...], number: str
) -> None:
    channel = await arrives(behind_switch, who, *headers)
    assert (channel.caller, channel.caller_name) == (number, "Ann Smith")


ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'


@pytest.mark.parametrize(
    ("who", "headers"),
    [
        (ANONYMOUS, ()),
        (ANONYMOUS, (PAI, "Privacy: id")),
        (FROM, (PAI, "Privacy: id")),
        (FROM, (PAI, "Privacy: user;id")),
        (FROM, (PAI, "Privacy: ID ; critical")),
        (FROM, (PAI, "Privacy: header")),
        (FROM, ("Privacy: user",)),
        (FROM, (f"Remote-Party-ID: <sip:{NUMBER}@a.example>;party=calling;privacy=full;screen=yes",)),
        (FROM, (f'Remote-Party-ID: <sip:{NUMBER}@a.example>;party=calling;privacy="full"',)),
        ("<sip:Restricted@operator.example>", ()),
        ("<sip:UNKNOWN@operator.example>", ()),
        ("<sip:unavailable@operator.example>", ()),
        ("<sip:Private@operator.example>", ()),
        ("<sip:+266696687@operator.example>", ()),
    ],
)
async def test_a_withheld_number_arrives_nowhere(
    behind_switch: Settings, who: str, headers: tuple[str, ...]
) -> None:
    channel = await arrives(behind_switch, who, *headers)
    assert (channel.caller, channel.caller_name) == ("", "")


@pytest.mark.parametrize(
    ("user", "number"),
    [
        ("33%7Cx", "33x"),
        ("%7C%7C%7C", ""),
        ("33%0D%0A%0D%0AX:%20y", "33X"),
        ("33%00612", None),
        ("%22,Event=%22Hangup", "EventHangup"),
        ("33%F0%9F%98%80612", "33612"),
        ("33%FF%FE612", "33612"),
        ("1" * 79, "1" * 40),
        ("%24%7BSHELL(id)%7D", "SHELLid"),
    ],
)
async def test_any_bytes_in_a_number_harm_nobody(
    behind_switch: Settings, user: str, number: str | None
) -> None:
    channel = await arrives(behind_switch, f'"a|b\xff\xfe;c" <sip:{user}@operator.example>')
    assert channel.caller == number or (number is None and channel.caller.isalnum())
    assert channel.caller_name == "abc"


async def test_a_call_without_an_offer_of_media_arrives(behind_switch: Settings) -> None:
    assert (await arrives(behind_switch, FROM, sdp="")).caller == NUMBER
