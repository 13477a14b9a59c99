"""Asterisk's configuration: the templates of ``dialplans/asterisk`` filled in and written into the
instance.
"""

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
SERVICE, PHONE = "asterisk", "asterisk/phone"
"""Template folders under ``dialplans``: the service's PBX, and what differs for the test caller's."""
CUSTOM = ("pjsip_custom.conf", "extensions_custom.conf")
"""Files of the administrator's own, kept in ``state/asterisk`` and included by ours."""
EMPTY = (
    *("acl.conf", "ccss.conf", "cel.conf", "chan_websocket.conf", "features.conf"),
    *("pjproject.conf", "queuerules.conf", "stasis.conf", "udptl.conf", "websocket_client.conf"),
)
"""Files whose defaults are right; there, but empty, so that the log shows real errors only."""
DATA = "/usr/share/asterisk"
"""Where Asterisk's package has its data, inside the chroot."""
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


def render(settings: Settings, lines: PbxParameters, *, family: str = SERVICE, **extra: object) -> Path:
    """Write the configuration and folders of this instance; returns its ``etc`` as seen from outside.

    ``family`` PHONE takes the test caller's templates where there are any; ``extra`` goes to the templates.
    """
    ours = not settings.asterisk_url
    if ours and not (settings.rootfs / "usr/sbin/asterisk").exists():
        raise SetupError(f"no Asterisk in {settings.rootfs}: run make setup")
    for folder in FOLDERS:
        (settings.pbx / folder).mkdir(parents=True, exist_ok=True)
    etc = settings.pbx / "etc"
    for name, text in texts(settings, lines, family=family, **extra).items():
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
    settings: Settings, lines: PbxParameters, *, family: str = SERVICE, **extra: object
) -> dict[str, str]:
    """Every file of the configuration by its name, as ``render`` writes it."""
    values = {
        **contract.NAMES,
        "settings": settings,
        "lines": lines,
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
    """Every template of the service, or its namesake in ``family``, filled in."""
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
    """Asterisk's data folder: its own data as installed, and a sounds folder of ours with its sounds in it.

    So ``sounds/<language>`` holds our prompts and numbers; what is not there is found without a language.
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
    """Replace the file in one step; it may hold passwords."""
    draft = path.with_name(path.name + ".tmp")
    with open(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o640), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def _is_private(settings: Settings) -> bool:
    """Whether the Asterisk is one that we installed (the linter needs none, and another may run elsewhere)."""
    return not settings.asterisk_url and settings.rootfs.exists()


def _module_dir(rootfs: Path) -> str:
    """Asterisk's module folder inside the chroot; its name holds the machine's architecture."""
    found = next(rootfs.glob("usr/lib/*/asterisk/modules"), None)
    if found is None:
        raise SetupError(f"no Asterisk modules in {rootfs}: run make setup")
    return f"/{found.relative_to(rootfs)}"


def remove(settings: Settings) -> None:
    """Delete all that belongs to the instance, state too: for instances of tests and test callers."""
    shutil.rmtree(settings.pbx, ignore_errors=True)
    shutil.rmtree(settings.state, ignore_errors=True)
