"""Renders the templates of ``dialplans/asterisk`` and writes Asterisk's configuration into the instance's folder."""

from __future__ import annotations

import logging
import shutil
import traceback
from pathlib import Path

from jinja2 import DictLoader, Environment, StrictUndefined, TemplateSyntaxError

from ivr.asterisk import contract
from ivr.asterisk.hold_music import hold_music
from ivr.asterisk.parameters import PbxParameters
from ivr.asterisk.tls import CERTIFICATE, KEY, pair
from ivr.core.audio import PHONE_RATE, write_wav
from ivr.core.errors import ConfigError, SetupError
from ivr.core.settings import Settings
from ivr.core.staged_files import StagedFiles
from ivr.core.yamlfile import Finding, text_of

log = logging.getLogger(__name__)

ARI_USER = "accueil"
"""Account name for ARI and AMI."""
SERVICE, PHONE = "asterisk", "asterisk/phone"
"""Folders of templates under ``dialplans``: for the service, and what differs for the simulator's telephone."""
CUSTOM = ("pjsip_custom.conf", "extensions_custom.conf")
"""Files of the administrator in ``state/asterisk``, which the rendered files include."""
EMPTY = (
    *("acl.conf", "ccss.conf", "cel.conf", "chan_websocket.conf", "features.conf"),
    *("pjproject.conf", "queuerules.conf", "stasis.conf", "udptl.conf", "websocket_client.conf"),
)
"""Files whose defaults are right.  They exist, empty, so that Asterisk does not log errors about them."""
PRIVATE = 0o640
"""Permissions of a configuration file, which may hold passwords: its owner and group read it."""
DATA = "/usr/share/asterisk"
"""Data folder of Asterisk's package, inside the chroot."""
FOLDERS = (
    "etc",
    "run",
    "log",
    "lib",
    "sounds/music",
    "share/sounds",
    "spool/fallback",
    "spool/monitor",
    "spool/recording",
    "spool/tmp",
)


def render(settings: Settings, parameters: PbxParameters, *, family: str = SERVICE, **extra: object) -> Path:
    """Write the configuration and folders of this instance, and return its ``etc`` as seen from outside.

    The arguments and errors are those of ``stage``.
    """
    with StagedFiles() as files:
        stage(files, settings, parameters, family=family, **extra)
        files.commit()
    return settings.pbx / "etc"


def stage(
    files: StagedFiles,
    settings: Settings,
    parameters: PbxParameters,
    *,
    family: str = SERVICE,
    **extra: object,
) -> None:
    """Make the folders of this instance, and prepare its configuration, which ``files.commit`` puts in place.

    parameters: what comes from the call flow.
    family: ``SERVICE`` or ``PHONE``.
    extra: further values for the templates.

    Raises SetupError when Asterisk is not installed, ConfigError for a template that cannot be used, and OSError.
    """
    ours = not settings.asterisk_url
    if ours:
        require_installed(settings)
    for folder in FOLDERS:
        (settings.pbx / folder).mkdir(parents=True, exist_ok=True)
    etc = settings.pbx / "etc"
    for name, text in texts(settings, parameters, family=family, **extra).items():
        files.write(etc / name, text, mode=PRIVATE)
    for name in EMPTY:
        (etc / name).touch()
    _copy_custom(files, settings, etc)
    if settings.sip_tls_port and family == SERVICE:
        _copy_certificate(files, settings, etc)
    _hold_music(settings.pbx / "sounds/music/hold.wav")
    if ours:
        _share(settings)


def require_installed(settings: Settings) -> None:
    """Raise SetupError when there is no private Asterisk."""
    if not (settings.rootfs / "usr/sbin/asterisk").exists():
        raise SetupError(f"no Asterisk in {settings.rootfs}: run make setup")


def texts(
    settings: Settings, parameters: PbxParameters, *, family: str = SERVICE, **extra: object
) -> dict[str, str]:
    """The rendered files, by name.  The arguments are those of ``render``."""
    values = {
        **contract.NAMES,
        "settings": settings,
        "parameters": parameters,
        "instance": settings.instance,
        "inside": settings.pbx_inside,
        "module_dir": _module_dir(settings.rootfs) if _is_private(settings) else "",
        "app_filter": "^" + settings.app.rpartition("-")[0] + "-",
        "ari_user": ARI_USER,
        "ari_password": settings.secrets["ARI_PASSWORD"],
        "softphone_password": settings.secrets["SOFTPHONE_PASSWORD"],
        "ami_password": settings.secrets["AMI_PASSWORD"],
        "adviser_password": settings.secrets["ADVISER_PASSWORD"],
        **extra,
    }
    return _filled(parameters.templates or settings.root / "dialplans", family, values)


def _filled(templates: Path, family: str, values: dict[str, object]) -> dict[str, str]:
    """Render every template of the service, or the one of the same name in ``family``."""
    folders = [templates / folder for folder in dict.fromkeys((family, SERVICE))]
    # read by us: to open a FIFO would wait for ever
    sources = {path.name: path for folder in reversed(folders) for path in folder.glob("*.conf")}
    found = {name: text_of(path, f"dialplans/{SERVICE}/{name}") for name, path in sorted(sources.items())}
    wrong = [text for text in found.values() if isinstance(text, Finding)]
    if wrong:
        raise ConfigError(f"Asterisk's templates: {wrong[0]}", wrong)
    environment = Environment(
        loader=DictLoader({name: text for name, text in found.items() if isinstance(text, str)}),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["conf_value"] = conf_value
    return {name: _one(environment, name, values) for name in found}


def conf_value(text: str) -> str:
    """Return ``text`` as it is written behind ``=>`` in a configuration file, where ``;`` begins a comment.

    Blanks around it and control characters are left out: a line of the file cannot hold them.

    Source: https://docs.asterisk.org/Fundamentals/Asterisk-Configuration/Asterisk-Configuration-Files/Config-File-Format/
    """
    return "".join(char for char in text if char.isprintable()).strip().replace(";", r"\;")


def _one(environment: Environment, name: str, values: dict[str, object]) -> str:
    """Render one template; raises ConfigError with a finding that names file and line."""
    try:
        return environment.get_template(name).render(values)
    except TemplateSyntaxError as error:
        line, what = error.lineno, str(error.message)
    except Exception as error:  # noqa: BLE001  # a template is a program: it may raise anything
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno or 1 for frame in reversed(frames) if frame.filename == "<template>"), 1)
        what = str(error)
    hint = "put the file back, for example from the last commit"
    finding = Finding(f"dialplans/{SERVICE}/{name}", line, 1, what, hint)
    raise ConfigError(f"Asterisk's templates: {finding}", [finding])


def _copy_custom(files: StagedFiles, settings: Settings, etc: Path) -> None:
    """Copy the administrator's additions, byte for byte; one that cannot be read stays as it was last copied."""
    own = settings.state_dir.asterisk_own
    own.mkdir(parents=True, exist_ok=True)
    for name in CUSTOM:
        path = own / name
        if not (path.exists() or path.is_symlink()):
            path.write_text(f"; Yours: made once, never overwritten, read after our own {name}.\n", "utf-8")
        if path.is_file():
            files.write(etc / name, path.read_bytes(), mode=PRIVATE)
        else:
            log.error(
                "ALARM: %s is no file that can be read: Asterisk runs with the last one that could", path
            )
            (etc / name).touch()


def _copy_certificate(files: StagedFiles, settings: Settings, etc: Path) -> None:
    """Copy certificate and key; where they cannot be used, calls without TLS go on."""
    try:
        for name, path in zip((CERTIFICATE, KEY), pair(settings), strict=True):
            files.write(etc / name, path.read_text("utf-8"), mode=PRIVATE)
    except SetupError as error:
        log.error("ALARM: no new certificate for SIP over TLS: %s", error)


def _hold_music(path: Path) -> None:
    if not path.exists():
        write_wav(path, hold_music(PHONE_RATE), PHONE_RATE)


def _share(settings: Settings) -> None:
    """Make Asterisk's data folder: links to the installed data, and a sounds folder with links to its sounds.

    ``sounds/<language>`` holds the prompts of this service; Asterisk looks for other sounds without a language.
    """
    installed = settings.rootfs / DATA.lstrip("/")
    share = settings.pbx / "share"
    for path in installed.iterdir():
        if path.name != "sounds":
            _link(share / path.name, f"{DATA}/{path.name}")
    spoken = next(installed.glob("sounds/en_US_*"), None)
    for path in spoken.iterdir() if spoken is not None else ():
        _link(share / "sounds" / path.name, f"{DATA}/sounds/{spoken.name if spoken else ''}/{path.name}")


def _link(path: Path, target: str) -> None:
    if not path.is_symlink():
        path.symlink_to(target)


def _is_private(settings: Settings) -> bool:
    """Whether Asterisk is installed by this project; the linter needs none, and another may run elsewhere."""
    return not settings.asterisk_url and settings.rootfs.exists()


def _module_dir(rootfs: Path) -> str:
    """Asterisk's module folder inside the chroot; its name depends on the processor architecture."""
    found = next(rootfs.glob("usr/lib/*/asterisk/modules"), None)
    if found is None:
        raise SetupError(f"no Asterisk modules in {rootfs}: run make setup")
    return f"/{found.relative_to(rootfs)}"


def remove(settings: Settings) -> None:
    """Delete all folders of the instance, including its state; for instances of tests and of the simulator."""
    shutil.rmtree(settings.pbx, ignore_errors=True)
    shutil.rmtree(settings.state, ignore_errors=True)
