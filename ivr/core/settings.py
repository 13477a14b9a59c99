"""The settings of an instance: read and checked once from the environment, then passed on."""

from __future__ import annotations

import os
import secrets as _secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

from ivr.core.errors import ConfigError
from ivr.core.files import write_durably
from ivr.core.pseudonyms import Pseudonyms
from ivr.core.state_dir import StateDir

SECRET_NAMES = (
    "ARI_PASSWORD",
    "SOFTPHONE_PASSWORD",
    "ADVISER_PASSWORD",
    "CONSOLE_TOKEN",
    "WEBHOOK_SECRET",
    "AMI_PASSWORD",
    "NUMBERS_KEY",
)


@dataclass(frozen=True)
class Settings:
    """The settings; every field has a variable ``IVR_<NAME>``, which docs/settings.md explains.

    root: the checkout with ``dialplans/``, ``nlu/`` and ``voices/``, an absolute path.
    var: assets that set-up can make again, and the state folder, an absolute path.
    """

    root: Path
    var: Path
    instance: str = "main"
    sip_port: int = 5060
    sip_bind: str = "127.0.0.1"
    sip_external: str = ""
    sip_tls_port: int = 0
    sip_certificate: str = ""
    sip_key: str = ""
    asterisk_url: str = ""
    http_bind: str = "127.0.0.1"
    http_port: int = 8088
    ami_port: int = 5038
    console_port: int = 8090
    console_bind: str = "127.0.0.1"
    rtp_start: int = 20000
    rtp_end: int = 20999
    rasa_url: str = ""
    rasa_workshop_url: str = ""
    rasa_port: int = 5005
    recogniser: str = "auto"
    whisper_decoder: str = "own"
    database_url: str = ""
    app: str = "accueil-1"
    places: int = 0
    late_ms: int = 1000
    log_level: str = "INFO"
    log_format: str = "text"
    log_mb: int = 20
    record_free_mb: int = 2000
    otlp_url: str = ""
    today: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def state(self) -> Path:
        """The folder of what must not be lost: database, spool, recordings, messages."""
        return self.var / "state" / self.instance

    @property
    def state_dir(self) -> StateDir:
        """The files and folders below ``state``."""
        return StateDir(self.state)

    @property
    def rootfs(self) -> Path:
        """Root of the file system of the private Asterisk; a remote Asterisk has ``pbx`` at the same path as we."""
        return Path("/") if self.asterisk_url else self.var / "asterisk" / "rootfs"

    @property
    def pbx(self) -> Path:
        """This instance's directory of Asterisk, as our processes see it (outside the chroot of a private one)."""
        return self.rootfs / "srv" / self.instance

    @property
    def pbx_inside(self) -> str:
        """The same directory as Asterisk sees it."""
        return f"/srv/{self.instance}"

    @property
    def ari_url(self) -> str:
        """Base address of Asterisk's HTTP server, without the /ari path and without credentials."""
        return self.asterisk_url or f"http://127.0.0.1:{self.http_port}"

    @property
    def asterisk_host(self) -> str:
        """The host under which our processes reach Asterisk's ports."""
        return urlsplit(self.ari_url).hostname or ""

    @property
    def models(self) -> Path:
        """Folder of recogniser and voice models, one folder each."""
        return self.var / "models"

    @property
    def recogniser_socket(self) -> Path:
        """A link to the socket of the recogniser process of the newest worker group."""
        return self.state_dir.recogniser_socket

    @property
    def classifier_socket(self) -> Path:
        """A link to the socket of the classifier process of the newest worker group."""
        return self.state_dir.classifier_socket

    @property
    def pseudonyms(self) -> Pseudonyms:
        """The maker of pseudonyms; raises ValueError without NUMBERS_KEY."""
        return Pseudonyms(self.secrets.get("NUMBERS_KEY", ""))

    @property
    def database(self) -> str:
        """SQLAlchemy address of the store; SQLite in ``state`` unless ``database_url`` is set."""
        return self.database_url or f"sqlite:///{self.state_dir.database}"

    @property
    def rasa(self) -> str:
        """Base address of Rasa, the configured one or the embedded server's."""
        return self.rasa_url or f"http://127.0.0.1:{self.rasa_port}"


def load(environ: Mapping[str, str] | None = None, root: Path | None = None) -> Settings:
    """Return the settings from ``IVR_*`` variables.

    environ: the variables; None: those of this process.
    root: the checkout; None: IVR_ROOT, or the current directory.

    Raises ConfigError that names the variable that is wrong.
    """
    env = os.environ if environ is None else environ
    base = (root or Path(env.get("IVR_ROOT", "") or Path.cwd())).resolve()
    var = Path(env.get("IVR_VAR", "") or base / "var").resolve()
    values: dict[str, object] = {}
    for spec in fields(Settings):
        raw = given(env, f"IVR_{spec.name.upper()}")
        if not raw or spec.name in ("root", "var", "secrets"):
            continue
        values[spec.name] = _number(spec.name, raw) if spec.type == "int" else raw
    recogniser = values.get("recogniser", "auto")
    if recogniser not in ("auto", "vosk", "whisper"):
        raise ConfigError(f"IVR_RECOGNISER={recogniser}: write auto, vosk or whisper")
    decoder = values.get("whisper_decoder", "own")
    if decoder not in ("own", "faster-whisper"):
        raise ConfigError(f"IVR_WHISPER_DECODER={decoder}: write own or faster-whisper")
    if values.get("log_format", "text") not in ("text", "json"):
        raise ConfigError(f"IVR_LOG_FORMAT={values['log_format']}: write text or json")
    return Settings(root=base, var=var, secrets=_secrets_of(env, var), **values)  # type: ignore[arg-type]


def given(env: Mapping[str, str], name: str) -> str:
    """Return the variable ``name``, or the content of the file that ``<name>_FILE`` names.

    Files are for values that contain a password.  Raises ConfigError when the file cannot be read.
    """
    path = env.get(f"{name}_FILE", "")
    if env.get(name, "") or not path:
        return env.get(name, "")
    try:
        return Path(path).read_text("utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{name}_FILE={path}: {error.strerror}") from None


def _secrets_of(env: Mapping[str, str], var: Path) -> dict[str, str]:
    """Return passwords from the file that ``IVR_SECRETS_FILE`` names, or else from ``var``."""
    path = env.get("IVR_SECRETS_FILE", "")
    if not path:
        return read_secrets(var)
    try:
        known = _pairs(Path(path).read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"IVR_SECRETS_FILE={path}: {error.strerror}") from None
    missing = [name for name in SECRET_NAMES if not known.get(name)]
    if missing:
        raise ConfigError(f"IVR_SECRETS_FILE={path}: write a line {missing[0]}=<a password>")
    return known


def _pairs(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def _number(name: str, raw: str) -> int:
    try:
        return int(raw)
    except ValueError:
        raise ConfigError(f"IVR_{name.upper()}={raw}: write a whole number, such as 5060") from None


def read_secrets(var: Path) -> dict[str, str]:
    """Return the passwords in ``var/secrets.env``; missing ones are made and written there with mode 0600."""
    path = var / "secrets.env"
    known: dict[str, str] = {}
    if path.exists():
        known = _pairs(path.read_text(encoding="utf-8"))
    missing = [name for name in SECRET_NAMES if name not in known]
    if missing:
        known.update({name: _secrets.token_urlsafe(18) for name in missing})
        write_durably(path, "".join(f"{name}={value}\n" for name, value in known.items()), mode=0o600)
    return known
