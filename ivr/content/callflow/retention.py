"""Retention periods, and whether calls are recorded."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ivr.content.callflow.fields import DtmfKey
from ivr.core.yamlfile import Strict

Days = Annotated[float, Field(ge=0, le=3650)]


class RetentionSettings(Strict):
    """How many days each kind is kept; 0: until the next hourly purge.

    recordings: of calls.
    messages: with their sound and transcript.
    transcripts: what was said in calls.
    calls: time, language, outcome, intents, pseudonym of the caller.
    numbers: the number in clear of a message or callback that is settled.
    """

    recordings: Days = 30
    messages: Days = 90
    transcripts: Days = 180
    calls: Days = 365
    numbers: Days = 7


class RecordingSettings(Strict):
    """Whether calls are recorded, and whether callers hear a ``notice`` and may refuse with ``refuse_key``."""

    enabled: bool = True
    notice: bool = True
    refuse_key: DtmfKey = "8"

    def refused_by(self, key: str) -> bool:
        """Whether ``key`` refuses the recording of a call."""
        return self.enabled and key == self.refuse_key
