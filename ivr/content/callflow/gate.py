"""Thresholds of confidence: when to answer, to confirm or to ask again; see ``ivr.nlu.gate``."""

from __future__ import annotations

from ivr.content.callflow.fields import Language, Share
from ivr.core.yamlfile import Strict


class RecogniserThresholds(Strict):
    """Thresholds for the confidence of the recogniser, 0 to 1.

    sure: below it, an answer needs an intent with at least the confidence ``certain``; else it is confirmed first.
    poor: below it, everything is confirmed first.
    lost: below it, the words are not used.
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
    """When to answer, to confirm or to ask again; see ``ivr.nlu.gate``.

    answer, confirm: the least confidence of an intent for each.
    margin: the least distance to the second intent for an answer.
    control: the least confidence for an order.
    heard: thresholds for the recogniser.
    languages, intents: what differs for them; an intent prevails over a language.
    """

    answer: Share
    confirm: Share
    margin: Share
    control: Share
    heard: RecogniserThresholds = RecogniserThresholds()
    languages: dict[Language, GateOverride] = {}
    intents: dict[str, GateOverride] = {}
