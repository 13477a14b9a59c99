"""Renders the templates of ``dialplans/asterisk`` and writes Asterisk's configuration into the instance's folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ivr.asterisk import contract
from ivr.asterisk.hold_music import hold_music
from ivr.asterisk.parameters import PbxParameters
from ivr.asterisk.tls import CERTIFICATE, KEY, pair
from ivr.core.audio import PHONE_RATE, write_wav
from ivr.core.errors import SetupError
from ivr.core.settings import Settings

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

    parameters: what comes from the call flow.
    family: ``SERVICE`` or ``PHONE``.
    extra: further values for the templates.

    Raises SetupError when Asterisk is not installed, or when the certificate for TLS is missing or wrong.
    """
    ours = not settings.asterisk_url
    if ours and not (settings.rootfs / "usr/sbin/asterisk").exists():
        raise SetupError(f"no Asterisk in {settings.rootfs}: run make setup")
    for folder in FOLDERS:
        (settings.pbx / folder).mkdir(parents=True, exist_ok=True)
    etc = settings.pbx / "etc"
    for name, text in texts(settings, parameters, family=family, **extra).items():
        _write_private(etc / name, text)
    for name in EMPTY:
        (etc / name).touch()
    _copy_custom(settings, etc)
    if settings.sip_tls_port and family == SERVICE:
        for name, path in zip((CERTIFICATE, KEY), pair(settings), strict=True):
            _write_private(etc / name, path.read_text("utf-8"))
    _hold_music(settings.pbx / "sounds/music/hold.wav")
    if ours:
        _share(settings)
    return etc


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
    return _filled(settings.root / "dialplans", family, values)


def _filled(templates: Path, family: str, values: dict[str, object]) -> dict[str, str]:
    """Render every template of the service, or the one of the same name in ``family``."""
    folders = [templates / folder for folder in dict.fromkeys((family, SERVICE))]
    environment = Environment(
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = sorted({path.name for folder in folders for path in folder.glob("*.conf")})
    return {name: environment.get_template(name).render(values) for name in names}


def _copy_custom(settings: Settings, etc: Path) -> None:
    own = settings.state_dir.asterisk_own
    own.mkdir(parents=True, exist_ok=True)
    for name in CUSTOM:
        path = own / name
        if not path.exists():
            path.write_text(f"; Yours: made once, never overwritten, read after our own {name}.\n", "utf-8")
        _write_private(etc / name, path.read_text("utf-8"))


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


def _write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner and group: it may hold passwords."""
    draft = path.with_name(path.name + ".tmp")
    with open(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o640), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


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
