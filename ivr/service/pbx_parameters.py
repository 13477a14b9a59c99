"""Makes the parameters of Asterisk's configuration from the call flow."""

from __future__ import annotations

import os

from ivr.asterisk.parameters import PbxParameters, PbxTelephone, Queue, TrunkParameters
from ivr.content import callflow as flow
from ivr.content.callflow import Callflow
from ivr.core.settings import Settings
from ivr.core.vocabulary import TransferDestination


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
    )


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
