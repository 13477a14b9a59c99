"""Calls without a password or account are refused, and fail2ban finds their sources."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
from collections import Counter
from pathlib import Path

import pytest

from ivr.simulator.scenario import CallSpec, HangUp, Wait
from ivr.simulator.softphone import Credentials, Softphone
from tests.conftest import ROOT
from tests.service.calls.running_service import RunningService
from tests.service.calls.store import until

pytestmark = [pytest.mark.asterisk, pytest.mark.side_by_side]

SCANNER, VISITOR = "127.0.0.66", "127.0.0.67"
"""Addresses of a scanner and of a proper caller."""
REQUEST = (
    "{method} sip:{called}@127.0.0.1:{port} SIP/2.0\r\n"
    "Via: SIP/2.0/UDP {address}:{own};branch=z9hG4bK-{serial};rport\r\n"
    "From: {who};tag=stranger\r\nTo: <sip:{called}@127.0.0.1>\r\nCall-ID: stranger-{own}-{serial}\r\n"
    "CSeq: 1 {method}\r\nContact: <sip:stranger@{address}:{own}>\r\nMax-Forwards: 70\r\n{more}"
    "Content-Length: 0\r\n\r\n"
)
FORGED_NAME = "%22,RemoteAddress=%22IPV4/UDP/192.0.2.9/5"
FORGED_RESPONSE = r"0\",LocalAddress=\"IPV4/UDP/1.1/5\",RemoteAddress=\"IPV4/UDP/192.0.2.9/5\""
"""Quotes that end the field of the log which the scanner fills in; of a name it keeps 40 characters."""
DIGEST = (
    'Authorization: Digest username="softphone", realm="asterisk", nonce="1/a", uri="sip:a", algorithm=MD5,'
    ' response="{response}"\r\n'
)


class Stranger:
    """A stranger with a UDP socket, who reads the answers."""

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self._port, self._address = port, address
        self._serial = 0

    async def asks(self, method: str, who: str, called: str = "accueil", more: str = "") -> str:
        """The first line of the answer."""
        loop = asyncio.get_running_loop()
        self._serial += 1
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as telephone:
            telephone.bind((self._address, 0))
            telephone.setblocking(False)
            text = REQUEST.format(
                method=method, called=called, port=self._port, address=self._address,
                own=telephone.getsockname()[1], serial=self._serial, who=who, more=more,
            )  # fmt: skip
            await loop.sock_sendto(telephone, text.encode(), ("127.0.0.1", self._port))
            async with asyncio.timeout(10):
                return (await loop.sock_recv(telephone, 4096)).decode().splitlines()[0]


@pytest.mark.parametrize(
    "who", [Credentials("softphone", "wrong"), Credentials("stranger", "x")], ids=lambda who: who.user
)
async def test_a_wrong_password_is_refused(service: RunningService, who: Credentials) -> None:
    async with Softphone(service.settings, credentials=who) as phone:
        report = await phone.call(
            CallSpec(f"sip:127.0.0.1:{service.settings.sip_port}", caller_id="+33699999999")
        )
    assert not report.ok and (report.hangup_by, report.failure) == ("nobody", "refused")
    assert service.settings.pseudonyms.of("+33699999999") not in {
        row["number"] for row in await service.rows("calls")
    }


@pytest.mark.parametrize(
    "who",
    ['"Anonymous" <sip:anonymous@anonymous.invalid>', "<sip:trunk@127.0.0.1>"],
    ids=["anonymous", "trunk"],
)
async def test_anonymous_is_refused(service: RunningService, who: str) -> None:
    answer = await Stranger(service.settings.sip_port).asks("INVITE", who)
    assert answer.startswith(("SIP/2.0 401", "SIP/2.0 403")), answer


async def test_names_that_exist_are_answered_like_those_that_do_not(service: RunningService) -> None:
    stranger = Stranger(service.settings.sip_port)
    for method in ("OPTIONS", "REGISTER", "INVITE", "SUBSCRIBE"):
        answers = {await stranger.asks(method, f"<sip:{name}@127.0.0.1>") for name in ("softphone", "100")}
        assert answers == {"SIP/2.0 401 Unauthorized"}, method


async def test_fail2ban_finds_who_scans_and_nobody_else(service: RunningService) -> None:
    stranger = Stranger(service.settings.sip_port, SCANNER)
    for method in ("OPTIONS", "REGISTER", "INVITE"):
        await stranger.asks(method, "<sip:100@127.0.0.1>")
    await stranger.asks("INVITE", f"<sip:{FORGED_NAME}@127.0.0.1>")
    await stranger.asks("INVITE", "<sip:softphone@127.0.0.1>", more=DIGEST.format(response="0" * 32))
    await stranger.asks("INVITE", "<sip:softphone@127.0.0.1>", more=DIGEST.format(response=FORGED_RESPONSE))
    async with Softphone(service.settings, bind=VISITOR) as phone:
        report = await phone.call(CallSpec(phone.to, (Wait(0.5), HangUp()), caller_id="+33699999998"))
    assert report.ok, report.failure

    log = service.settings.pbx / "log/security.log"

    async def written() -> bool:
        text = await asyncio.to_thread(log.read_text, "utf-8")
        return f"/{VISITOR}/" in text and len(re.findall(f'"Error".*/{SCANNER}/', text)) >= 6

    await until(written, "not in the security log")
    found = Counter(await fail2ban_regex(service.settings.var, log))
    assert found[SCANNER] == 6
    assert "192.0.2.9" in await asyncio.to_thread(log.read_text, "utf-8")
    assert VISITOR not in found and set(found) <= {SCANNER, "127.0.0.1"}, found


async def fail2ban_regex(var: Path, log: Path) -> list[str]:
    """The address of every line that fail2ban counts, by our filter."""
    there = var / "fail2ban"
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(there / "usr/bin/fail2ban-regex"), "-c", str(there / "etc/fail2ban"), "-o", "ip",
        str(log), str(ROOT / "dialplans/fail2ban/filter.d/accueil.conf"),
        env={**os.environ, "PYTHONPATH": str(there / "usr/lib/python3/dist-packages")},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, complaint = await process.communicate()
    assert process.returncode == 0 and not complaint, complaint.decode()
    return output.decode().split()
