"""Thresholds of certainty: when to answer, confirm or say "pardon?"; see ivr/nlu/gate.py."""

from __future__ import annotations

from ivr.content.callflow.fields import Language, Share
from ivr.core.yamlfile import Strict


class RecogniserThresholds(Strict):
    """The recogniser's own certainty.

    Below ``sure`` an answer needs an understanding that is ``certain``, else we ask back; below ``poor`` we ask back
    always; below ``lost`` the words are not used.
    """

    sure: Share = 0.55
    poor: Share = 0.25
    lost: Share = 0.05
    certain: Share = 0.8


class GateOverride(Strict):
    """Thresholds that differ for one language or one intent."""

    answer: Share | None = None
    confirm: Share | None = None
    margin: Share | None = None
    control: Share | None = None


class GateSettings(Strict):
    """When to answer, confirm or say "pardon?"; see ivr/nlu/gate.py."""

    answer: Share
    confirm: Share
    margin: Share
    control: Share
    heard: RecogniserThresholds = RecogniserThresholds()
    languages: dict[Language, GateOverride] = {}
    intents: dict[str, GateOverride] = {}
