"""SIP over TLS with SRTP: who gets in, and with which certificate."""

from __future__ import annotations

import dataclasses
import re
import socket
import ssl
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivr.asterisk.config import remove, render
from ivr.asterisk.parameters import PbxParameters
from ivr.asterisk.process import Asterisk
from ivr.asterisk.tls import pair
from ivr.core.settings import Settings
from ivr.simulator.scenario import CallReport, CallSpec, HangUp, Wait
from ivr.simulator.softphone import Credentials, Softphone
from tests.asterisk.conftest import apology
from tests.conftest import Resident, free_ports, fresh_settings


@pytest.fixture
def encrypted(settings: Settings) -> Settings:
    (port,) = free_ports(socket.SOCK_STREAM, 1)
    return dataclasses.replace(settings, sip_tls_port=port)


@pytest.fixture(scope="module")
def served(hold: Callable[[], Resident]) -> Iterator[Settings]:
    """An Asterisk with TLS; every caller hears the apology, since no application runs."""
    (port,) = free_ports(socket.SOCK_STREAM, 1)
    settings = dataclasses.replace(fresh_settings(), sip_tls_port=port)
    render(settings, PbxParameters())
    apology(settings.pbx / "sounds")
    resident = hold()
    resident.enter(Asterisk(settings))
    yield settings
    resident.leave()
    remove(settings)


async def called(
    served: Settings, *, tls: bool, srtp: bool, credentials: Credentials | None = None
) -> CallReport:
    """A call of two seconds."""
    async with Softphone(served, tls=tls, srtp=srtp, credentials=credentials) as phone:
        return await phone.call(CallSpec(phone.to, (Wait(2.0), HangUp()), max_s=10))


@pytest.mark.asterisk
async def test_tls_with_srtp_is_answered(served: Settings) -> None:
    report = await called(served, tls=True, srtp=True)
    assert report.ok and report.analysis.service, report.failure


@pytest.mark.asterisk
@pytest.mark.parametrize(
    ("tls", "srtp", "user"),
    [(True, False, "softphone-tls"), (False, False, "softphone-tls"), (False, True, "softphone-tls")],
    ids=["plain sound over TLS", "nothing encrypted", "keys in the clear"],
)
async def test_half_encrypted_calls_are_refused(served: Settings, tls: bool, srtp: bool, user: str) -> None:
    password = served.secrets["SOFTPHONE_PASSWORD"]
    report = await called(served, tls=tls, srtp=srtp, credentials=Credentials(user, password))
    assert not report.ok and report.hangup_by == "nobody" and report.service == b""


@pytest.mark.asterisk
async def test_a_wrong_password_is_refused_over_tls_too(served: Settings) -> None:
    report = await called(served, tls=True, srtp=True, credentials=Credentials("softphone-tls", "wrong"))
    assert not report.ok and report.failure == "refused"


@pytest.mark.asterisk
def test_it_shows_its_certificate_and_speaks_nothing_older_than_tls_1_2(served: Settings) -> None:
    own = pair(served)[0]
    context = ssl.create_default_context(cafile=str(own))
    address = ("127.0.0.1", served.sip_tls_port)
    with (
        socket.create_connection(address, 5) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as tls,
    ):
        assert tls.version() in ("TLSv1.2", "TLSv1.3")
        assert tls.getpeercert(binary_form=True) == ssl.PEM_cert_to_DER_cert(own.read_text("ascii"))


def test_it_is_off_unless_asked_for(settings: Settings) -> None:
    etc = render(settings, PbxParameters())
    for name in ("pjsip.conf", "extensions.conf", "modules.conf"):
        text = (etc / name).read_text()
        assert "tls" not in text and "srtp" not in text and "encrypted" not in text, name
    assert not (etc / "key.pem").exists() and not (settings.state / "tls").exists()


def test_a_certificate_is_made_once(encrypted: Settings) -> None:
    etc = render(encrypted, PbxParameters())
    certificate, key = pair(encrypted)
    first = certificate.read_text()
    render(encrypted, PbxParameters())
    assert certificate.read_text() == first == (etc / "certificate.pem").read_text()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert not stat.S_IMODE((etc / "key.pem").stat().st_mode) & 0o007
    assert sorted(path.name for path in certificate.parent.iterdir()) == ["certificate.pem", "key.pem"]


def test_the_offices_own_certificate_is_taken(encrypted: Settings, tmp_path: Path) -> None:
    certificate, key = made(tmp_path, "office")
    own = dataclasses.replace(encrypted, sip_certificate=str(certificate), sip_key=str(key))
    etc = render(own, PbxParameters())
    assert (etc / "certificate.pem").read_text() == certificate.read_text()
    assert (etc / "key.pem").read_text() == key.read_text()


def told_of(caplog: pytest.LogCaptureFixture, settings: Settings, why: str) -> None:
    """A certificate that cannot be used is told of, and calls without TLS go on: Asterisk gets its configuration."""
    (settings.pbx / "etc/pjsip.conf").unlink(missing_ok=True)
    render(settings, PbxParameters())
    (alarm,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "ALARM" in alarm and re.search(why, alarm)
    assert (settings.pbx / "etc/pjsip.conf").exists()


def test_files_that_do_not_belong_together_are_told_of(
    encrypted: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate, _ = made(tmp_path, "one")
    _, key = made(tmp_path, "other")
    wrong = dataclasses.replace(encrypted, sip_certificate=str(certificate), sip_key=str(key))
    told_of(caplog, wrong, "IVR_SIP_CERTIFICATE and IVR_SIP_KEY")


def test_a_missing_file_is_named(
    encrypted: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, key = made(tmp_path, "one")
    wrong = dataclasses.replace(encrypted, sip_certificate=str(tmp_path / "no.pem"), sip_key=str(key))
    told_of(caplog, wrong, "no.pem.*No such file")


def test_a_key_with_a_password_is_told_of(
    encrypted: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate, key = made(tmp_path, "locked", "-passout", "pass:x")
    wrong = dataclasses.replace(encrypted, sip_certificate=str(certificate), sip_key=str(key))
    told_of(caplog, wrong, "has a password")


def test_a_certificate_without_its_key_is_told_of(
    encrypted: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    told_of(
        caplog,
        dataclasses.replace(encrypted, sip_certificate="/etc/ssl/office.pem"),
        "write both, or neither",
    )


def made(folder: Path, name: str, *options: str) -> tuple[Path, Path]:
    """A certificate and its key, as an authority would have given them."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-days",
        "2",
    ]
    command += [
        *(options or ("-nodes",)),
        "-subj",
        "/CN=office",
        "-out",
        str(certificate),
        "-keyout",
        str(key),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key
