"""Makes the parameters of Asterisk's configuration from the call flow."""

from __future__ import annotations

import hashlib
import logging
import os
from enum import EnumType
from pathlib import Path

from ivr.asterisk.contract import NAMES
from ivr.asterisk.parameters import PbxParameters, PbxTelephone, Queue, TrunkParameters
from ivr.content import callflow as flow
from ivr.content import defaults, versions
from ivr.content.callflow import Callflow
from ivr.core.settings import Settings
from ivr.core.vocabulary import TransferDestination

log = logging.getLogger(__name__)


def pbx_parameters(settings: Settings, callflow: Callflow) -> PbxParameters:
    """The parameters of the templates in ``dialplans/asterisk``."""
    advisers = tuple(
        _telephone(adviser.id, adviser, tuple(adviser.languages)) for adviser in callflow.advisers
    )
    fallback_phones = {
        TransferDestination.ON_CALL: callflow.on_call,
        TransferDestination.OVERFLOW: callflow.overflow,
    }
    return PbxParameters(
        advisers=advisers,
        fallback_phones=tuple(
            _telephone(name, phone, (phone.lang,)) for name, phone in fallback_phones.items() if phone.given
        ),
        languages=tuple(callflow.languages),
        menu={entry.key: lang for lang, entry in callflow.languages.items()},
        trunk=_trunk(settings, callflow.trunk),
        queue=_queue(callflow),
        message_s=int(callflow.voicemail.max_s),
        silence_s=int(callflow.voicemail.silence_s),
        record=callflow.recording.enabled,
        templates=templates(settings.root),
    )


def templates(root: Path) -> Path:
    """Return the folder ``dialplans`` whose templates fit this program.

    Templates and program share names and an order of events.  So those of a published version count only where it
    was published by a program with the same templates of its own (``templates_version``).
    """
    found = versions.manifest(root)
    if found is None:
        return root / defaults.TEMPLATES.parent
    if found.facts.get("templates") == templates_version() or _same(root):
        return root / defaults.TEMPLATES.parent
    log.warning("%s: of another version of the program, whose own templates take their place", root)
    return defaults.ROOT / defaults.TEMPLATES.parent


def templates_version() -> str:
    """Return a hash of the templates that come with this program, and of the names that it shares with them."""
    names = {name: list(map(str, shared)) for name, shared in NAMES.items() if isinstance(shared, EnumType)}
    total = hashlib.sha256(repr(sorted(names.items())).encode())
    for name in _names():
        total.update(str(name).encode() + (defaults.ROOT / name).read_bytes())
    return total.hexdigest()[:16]


def _same(root: Path) -> bool:
    return all(
        (root / name).is_file() and (root / name).read_bytes() == (defaults.ROOT / name).read_bytes()
        for name in _names()
    )


def _names() -> list[Path]:
    """The paths of the program's own templates, relative to their root."""
    own = defaults.ROOT / defaults.TEMPLATES
    return sorted(path.relative_to(defaults.ROOT) for path in own.rglob("*.conf"))


def _telephone(id: str, one: flow.FallbackPhone, languages: tuple[str, ...]) -> PbxTelephone:
    return PbxTelephone(id, one.endpoint, one.number, languages, languages[0], int(one.ring_s))


def _queue(callflow: Callflow) -> Queue:
    wanted = callflow.handoff
    return Queue(
        music=wanted.music,
        places=wanted.places,
        announce_s=int(wanted.announce_s),
        accept_s=int(wanted.accept_s),
        wrap_up_s=int(wanted.wrap_up_s),
        misses=wanted.misses,
        wait_s=int(wanted.wait_s),
        ring_s=int(max((adviser.ring_s for adviser in callflow.advisers), default=20)),
    )


def _trunk(settings: Settings, trunk: flow.Trunk) -> TrunkParameters:
    return TrunkParameters(
        host=trunk.host,
        port=trunk.port,
        username=trunk.username,
        register=trunk.register_,
        codecs=tuple(trunk.codecs),
        allowed=tuple(trunk.allowed),
        password=settings.secrets.get("TRUNK_PASSWORD", "") or os.environ.get("IVR_TRUNK_PASSWORD", ""),
    )
