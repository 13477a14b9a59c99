"""Callbacks: which numbers are called back, when, and how often."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from ivr.content.callflow import phone_numbers
from ivr.content.callflow.fields import problem
from ivr.core.yamlfile import Strict


def _number_prefix(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"\+\d{1,14}", value):
        raise problem(f"{value!r} is no beginning of a number", 'write it like "+3389", in double quotes')
    return value


def _country(value: object) -> object:
    if not isinstance(value, str) or value not in phone_numbers.COUNTRIES:
        raise problem(f"{value!r} is no country", 'write its two letters, like "FR", in double quotes')
    return value


Country = Annotated[str, BeforeValidator(_country)]
NumberPrefix = Annotated[str, BeforeValidator(_number_prefix)]


class CallbackSettings(Strict):
    """The rules for callbacks; ``_s`` are seconds, ``_min`` minutes, ``_h`` hours.

    attempts: how often the caller's telephone rings before the callback is closed.
    pause_min: between two attempts.
    per_day: callbacks that one number may ask for, or be asked for, in 24 hours.
    per_call: callbacks that may be asked for in one call.
    others_per_day: callbacks of the whole office in 24 hours to numbers from which their callers do not call.
    notice_min: from the request to the first window at least.
    window_h: length of a window on the same day.
    moves: how often a missed window is replaced by the next one.
    adviser_ring_s, caller_ring_s: how long each telephone rings.
    countries: the only countries that are called (ISO 3166).
    refused: beginnings of numbers that are not called, beside those of premium services.
    """

    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    pause_min: Annotated[float, Field(ge=0, le=1440)] = 15
    per_day: Annotated[int, Field(ge=1, le=100)] = 3
    per_call: Annotated[int, Field(ge=1, le=10)] = 2
    others_per_day: Annotated[int, Field(ge=0, le=1000)] = 20
    notice_min: Annotated[float, Field(ge=0, le=1440)] = 20
    window_h: Annotated[int, Field(ge=1, le=4)] = 1
    moves: Annotated[int, Field(ge=0, le=10)] = 2
    adviser_ring_s: Annotated[float, Field(ge=5, le=120)] = 25
    caller_ring_s: Annotated[float, Field(ge=10, le=120)] = 40
    countries: list[Country] = [
        "FR", "GP", "MQ", "GF", "RE", "AT", "BE", "CA", "CH", "DE", "ES", "GB", "IE", "IT", "LU", "NL", "PT", "US",
        "VA",
    ]  # fmt: skip
    refused: list[NumberPrefix] = []

    def allows(self, number: str) -> bool:
        """Return whether ``number`` (``+33...``) may be called: an ordinary line in one of the countries."""
        refused = number.startswith(tuple(self.refused))
        return (
            not refused
            and phone_numbers.region(number) in self.countries
            and phone_numbers.is_ordinary(number)
        )
