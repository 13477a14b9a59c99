"""Advisers, how callers wait for them, and the telephones that ring when no adviser is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from ivr.content.callflow.fields import Endpoint, Language, TelephoneNumber
from ivr.content.callflow.hours import Hours
from ivr.core.pbx_names import telephone_id
from ivr.core.yamlfile import Loc, ModelProblem, Strict

RingSeconds = Annotated[float, Field(ge=5, le=120)]


class FallbackPhone(Strict):
    """A telephone: ``endpoint``, which registers here, or ``number``, which the trunk reaches.

    ring_s: how long it rings, in seconds.
    """

    endpoint: Endpoint = ""
    number: TelephoneNumber = ""
    ring_s: RingSeconds = 20

    @property
    def given(self) -> bool:
        """Whether a telephone is set."""
        return bool(self.endpoint or self.number)

    def telephone_problems(self, loc: Loc, allowed: list[str]) -> Iterator[ModelProblem]:
        """Yield contradictions between fields.

        loc: the place of the telephone in the file.
        allowed: the numbers that may be called.
        """
        if self.endpoint and self.number:
            yield ModelProblem((*loc, "number"), "endpoint and number are both there", "keep one of the two")
        if self.number and self.number not in allowed:
            message = f"{self.number} is not among the numbers that may be called"
            yield ModelProblem((*loc, "number"), message, "add it to outbound.numbers")


class Adviser(FallbackPhone):
    """An adviser and the languages they speak; announcements to the adviser use the first one."""

    name: str
    languages: Annotated[list[Language], Field(min_length=1)]

    @property
    def id(self) -> str:
        """The adviser's name in the dialplan: the endpoint, or ``n`` and the number."""
        return telephone_id(self.endpoint, self.number)


class Spare(FallbackPhone):
    """A telephone that rings when no adviser is there; ``lang``: of announcements."""

    hours: Hours | None = None
    lang: Language = "fr"


class Handoff(Strict):
    """How callers wait for an adviser; the ``_s`` are seconds.

    music: class of the hold music.
    wait_s: the longest wait.
    places: how many callers wait in each language at most.
    announce_s: between two announcements to the caller.
    accept_s: for the key of an adviser who was told who is waiting.
    wrap_up_s: after a call, before the next one.
    misses: how many unanswered calls make an adviser away.
    talk_s: the usual length of a talk, for estimates before anything was measured.
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
    """The only ``numbers`` (``+33...``) to which calls are transferred."""

    numbers: list[TelephoneNumber] = []
