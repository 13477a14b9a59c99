"""Who takes calls, how a caller waits for them, and whom we ring when they are not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from ivr.content.callflow.fields import Endpoint, Language, TelephoneNumber
from ivr.content.callflow.hours import Hours
from ivr.core.pbx_names import telephone_id
from ivr.core.yamlfile import Loc, Problem, Strict

RingSeconds = Annotated[float, Field(ge=5, le=120)]


class FallbackPhone(Strict):
    """What is rung: ``endpoint``, a telephone registered here, or ``number``, one behind the trunk."""

    endpoint: Endpoint = ""
    number: TelephoneNumber = ""
    ring_s: RingSeconds = 20

    @property
    def given(self) -> bool:
        """Whether there is one at all."""
        return bool(self.endpoint or self.number)

    def telephone_problems(self, loc: Loc, allowed: list[str]) -> Iterator[Problem]:
        """Faults between fields; ``loc`` is where it stands, ``allowed`` the numbers that may be called."""
        if self.endpoint and self.number:
            yield Problem((*loc, "number"), "endpoint and number are both there", "keep one of the two")
        if self.number and self.number not in allowed:
            message = f"{self.number} is not among the numbers that may be called"
            yield Problem((*loc, "number"), message, "add it to outbound.numbers")


class Adviser(FallbackPhone):
    """An adviser, and the languages spoken there; the first is the one in which he hears who is waiting."""

    name: str
    languages: Annotated[list[Language], Field(min_length=1)]

    @property
    def id(self) -> str:
        """His name in the dialplan: his endpoint, or ``n`` and his number."""
        return telephone_id(self.endpoint, self.number)


class Spare(FallbackPhone):
    """Who is rung when no adviser is there; without ``hours`` at any time.  ``lang``: what is said to him."""

    hours: Hours | None = None
    lang: Language = "fr"


class Handoff(Strict):
    """How a caller waits for an adviser.

    ``wait_s`` at most, and ``places`` callers at a time in each language; ``announce_s`` between two
    announcements; ``accept_s`` for the adviser's key after he was told who is waiting; ``wrap_up_s`` after a
    call before the next; ``misses`` unanswered calls make an adviser away; ``talk_s`` is the usual length of a
    talk, for the waiting time that is told before there are figures of one's own.
    """

    music: Endpoint = "default"
    wait_s: Annotated[float, Field(ge=5, le=600)] = 120
    places: Annotated[int, Field(ge=1, le=20)] = 20
    announce_s: Annotated[float, Field(ge=15, le=300)] = 30
    accept_s: Annotated[float, Field(ge=3, le=30)] = 6
    wrap_up_s: Annotated[float, Field(ge=0, le=300)] = 10
    misses: Annotated[int, Field(ge=1, le=10)] = 2
    talk_s: Annotated[float, Field(ge=1, le=1800)] = 150


class Outbound(Strict):
    """The only ``numbers`` that a call is passed on to, as ``+33...``."""

    numbers: list[TelephoneNumber] = []
