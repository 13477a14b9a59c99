"""Limits of a call."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ivr.core.yamlfile import Strict


class Limits(Strict):
    """Limits of a call; the ``_s`` are seconds.

    call_s: the longest conversation; queue and advisers do not count.
    progress_s: how long a caller may go on without progress (``ivr/call/dialogue/progress.py``).
    calls: how many calls are served at the same time.
    silence_s: how long a caller may say nothing after a prompt.
    silences: how often in a row they may say nothing.
    speech_s: the longest utterance.
    reprompts: how often in a row the service asks again before it offers a person.
    """

    call_s: Annotated[float, Field(ge=60, le=7200)] = 1200
    progress_s: Annotated[float, Field(ge=60, le=7200)] = 300
    calls: Annotated[int, Field(ge=1)] = 10
    silence_s: Annotated[float, Field(ge=3, le=60)] = 7
    silences: Annotated[int, Field(ge=1, le=5)] = 2
    speech_s: Annotated[float, Field(ge=5, le=25)] = 25
    reprompts: Annotated[int, Field(ge=0, le=3)] = 1
