"""Types of single values: languages, keys, spans of time, prefixes, days.  Each error says what to write."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError, PydanticKnownError

from ivr.core.text import LANGUAGES

_EXPECTED = ", ".join(f"'{lang}'" for lang in LANGUAGES[:-1]) + f" or '{LANGUAGES[-1]}'"


def problem(message: str, hint: str) -> PydanticCustomError:
    """Return the error for a validator to raise: what is wrong, and what to write instead."""
    return PydanticCustomError("accueil", "{message}: {hint}", {"message": message, "hint": hint})


def _language(value: object) -> object:
    if value not in LANGUAGES:
        # the message that pydantic has for a Literal; a Literal cannot be indexed with a plain str
        raise PydanticKnownError("literal_error", {"expected": _EXPECTED})
    return value


def _key(value: object) -> object:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not re.fullmatch(r"[0-9*#]", text):
        raise problem(
            f"{value!r} is no telephone key", 'write one of "0" to "9", "*" or "#", in double quotes'
        )
    return text


def _span(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"\d{1,2}:\d{2}-\d{1,2}:\d{2}", value):
        raise problem(f"{value!r} is no span of time", 'write it like "09:00-18:00", in double quotes')
    for clock in value.split("-"):
        hour, minute = map(int, clock.split(":"))
        if minute > 59 or hour > 24 or (hour == 24 and minute):
            raise problem(f"{clock} is no time of day", 'write it from "00:00" to "24:00"')
    return value


def _prefix(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"\+\d{1,6}", value):
        raise problem(f"{value!r} is no country prefix", 'write it like "+34", in double quotes')
    return value


def _endpoint(value: object) -> object:
    # The name becomes a section of pjsip.conf and an argument of Dial(), which expand other characters.
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", value):
        raise problem(
            f"{value!r} is no name of a telephone",
            "write letters, digits, - and _ only, a letter or digit first",
        )
    return value


def _number(value: object) -> object:
    # The number becomes an argument of Dial(), so it holds digits only.
    if not isinstance(value, str) or not re.fullmatch(r"\+\d{6,15}", value):
        raise problem(f"{value!r} is no telephone number", 'write it like "+33612345678", in double quotes')
    return value


def _day(value: object) -> object:
    if isinstance(value, dt.date):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{2}-\d{2}", value):
        try:
            dt.date.fromisoformat(f"2024-{value}")  # a leap year: "02-29" is a day
        except ValueError:
            raise problem(f"{value} is no day", 'write month-day, for example "12-25"') from None
        return value
    raise problem(f"{value!r} is no day", 'write 2026-12-24, or "12-25" for every year')


Language = Annotated[str, BeforeValidator(_language)]
DtmfKey = Annotated[str, BeforeValidator(_key)]
TimeSpan = Annotated[str, BeforeValidator(_span)]
Prefix = Annotated[str, BeforeValidator(_prefix)]
Endpoint = Annotated[str, BeforeValidator(_endpoint)]
TelephoneNumber = Annotated[str, BeforeValidator(_number)]
CalendarDay = Annotated[dt.date | str, BeforeValidator(_day)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0)]
