"""The certificate for SIP over TLS: the office's own, or a self-signed one that is made on first use.

To make a telephone trust the self-signed one, install ``state/tls/certificate.pem`` on it.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path

from ivr.core.errors import SetupError
from ivr.core.settings import Settings

CERTIFICATE, KEY = "certificate.pem", "key.pem"
"""File names, in ``state/tls`` and in Asterisk's ``etc``."""
DAYS = 3650
"""Days that a self-signed certificate is valid: telephones have it installed, and keep it for all their life."""


def pair(settings: Settings) -> tuple[Path, Path]:
    """Paths of the certificate chain and of the key, both PEM; a self-signed pair is made when there is none.

    Raises SetupError when they cannot be made or read, or do not belong together.
    """
    if bool(settings.sip_certificate) != bool(settings.sip_key):
        raise SetupError("IVR_SIP_CERTIFICATE and IVR_SIP_KEY: write both, or neither")
    if settings.sip_certificate:
        found = Path(settings.sip_certificate), Path(settings.sip_key)
    else:
        folder = settings.state_dir.tls
        found = folder / CERTIFICATE, folder / KEY
        if not (found[0].exists() and found[1].exists()):
            _make(settings, folder)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*found, password=_no_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        names = "IVR_SIP_CERTIFICATE and IVR_SIP_KEY: " if settings.sip_certificate else ""
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise SetupError(f"{names}{found[0]}, {found[1]}: {why}") from None
    return found


def _no_password() -> str:
    """Refuse a key with a password: Asterisk would wait for somebody to type it."""
    raise ValueError("the key has a password; write it without one, readable by its owner alone")


def _make(settings: Settings, folder: Path) -> None:
    """Make both files, and move them to their place only when both are complete."""
    openssl = shutil.which("openssl")
    if openssl is None:
        raise SetupError(
            "IVR_SIP_TLS_PORT without a certificate: apt-get install openssl, or set IVR_SIP_CERTIFICATE"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as draft:  # mode 0700
        made = Path(draft) / CERTIFICATE, Path(draft) / KEY
        command = [
            openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", str(DAYS), "-subj", f"/CN=accueil-{settings.instance}"[:64], "-addext",
            f"subjectAltName={','.join(_names(settings))}", "-out", str(made[0]), "-keyout", str(made[1]),
        ]  # fmt: skip
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise SetupError(f"openssl made no certificate: {ran.stderr.strip().splitlines()[-1:]}")
        made[1].chmod(0o600)
        os.replace(made[1], folder / KEY)
        os.replace(made[0], folder / CERTIFICATE)


def _names(settings: Settings) -> list[str]:
    """Names and addresses by which telephones may reach the service, in OpenSSL's notation."""
    hosts = ("localhost", "127.0.0.1", socket.gethostname(), settings.sip_bind, settings.sip_external)
    return [_name(host) for host in dict.fromkeys(hosts) if host and host != "0.0.0.0"]


def _name(host: str) -> str:
    try:
        return f"IP:{ipaddress.ip_address(host)}"
    except ValueError:
        return f"DNS:{host}"
