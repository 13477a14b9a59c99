"""Voicemail: limits of a message, and the keys after its recording."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ivr.content.callflow.fields import DtmfKey
from ivr.core.yamlfile import Strict


class ReviewKeys(Strict):
    """The keys after a message was recorded."""

    listen: DtmfKey = "1"
    again: DtmfKey = "2"
    send: DtmfKey = "3"


class Voicemail(Strict):
    """``max_s``: the longest message; ``silence_s``: the silence that ends it; both in seconds."""

    max_s: Annotated[float, Field(ge=10, le=180)] = 180
    silence_s: Annotated[float, Field(ge=2, le=30)] = 4
    keys: ReviewKeys = ReviewKeys()
