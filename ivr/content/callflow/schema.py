"""``dialplans/callflow.yml`` as a whole: its sections, and the checks between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from ivr.content.callflow.advisers import Adviser, FallbackPhone, Handoff, Outbound, Spare
from ivr.content.callflow.callback import CallbackSettings
from ivr.content.callflow.fields import Language
from ivr.content.callflow.gate import GateOverride, GateSettings
from ivr.content.callflow.hours import Hours
from ivr.content.callflow.languages import ControlKeys, LanguageEntry
from ivr.content.callflow.limits import Limits
from ivr.content.callflow.notify import Notify
from ivr.content.callflow.retention import RecordingSettings, RetentionSettings
from ivr.content.callflow.trunk import Trunk
from ivr.content.callflow.voicemail import Voicemail
from ivr.content.published import load
from ivr.core.yamlfile import Document, Loc, ModelProblem, Severity, Strict

FILE = Path("dialplans/callflow.yml")
MOST_TOPICS = 6
"""The most topics of the menu: callers do not listen to more, and there are no more keys."""


class Callflow(Strict):
    """The whole file."""

    languages: Annotated[dict[Language, LanguageEntry], Field(min_length=1)]
    silent_languages: Annotated[list[Language], Field(min_length=1)]
    keys: ControlKeys = ControlKeys()
    topics: Annotated[list[str], Field(max_length=MOST_TOPICS)] = []
    hours: Hours
    advisers: list[Adviser] = []
    handoff: Handoff = Handoff()
    on_call: Spare = Spare()
    overflow: Spare = Spare()
    outbound: Outbound = Outbound()
    voicemail: Voicemail = Voicemail()
    notify: Notify = Notify()
    callback: CallbackSettings = CallbackSettings()
    limits: Limits = Limits()
    recording: RecordingSettings = RecordingSettings()
    retention: RetentionSettings = RetentionSettings()
    gate: GateSettings
    trunk: Trunk = Trunk()

    def order(self, number: str = "") -> tuple[str, ...]:
        """Return the languages in the order of the menu for a caller.

        The language of the longest prefix that matches the number comes first.

        number: as the trunk gives it: ``+34...``, ``0034...`` or a national ``01...``.
        """
        international = self._international(number)
        best, first = 0, ""
        for code, entry in self.languages.items():
            for prefix in entry.prefixes:
                if international.startswith(prefix) and len(prefix) > best:
                    best, first = len(prefix), code
        codes = list(self.languages)
        return tuple(sorted(codes, key=lambda code: code != first))

    def _international(self, number: str) -> str:
        digits = re.sub(r"[^\d+]", "", number)
        if digits.startswith("00"):
            return "+" + digits[2:]
        return self.trunk.country + digits[1:] if digits.startswith("0") else digits

    def language_of_key(self, key: str) -> str | None:
        """Return the language that a key of the menu selects, or None."""
        return next((code for code, entry in self.languages.items() if entry.key == key), None)

    @property
    def topics_by_key(self) -> dict[str, str]:
        """Key -> intent in the menu for calls without understanding; keys with another meaning are left out."""
        taken = {*self.keys.intents, self.recording.refuse_key}
        return dict(zip((key for key in "123456789" if key not in taken), self.topics, strict=False))

    def problems(self) -> Iterator[ModelProblem]:
        """Yield contradictions between fields."""
        yield from self._key_clashes()
        yield from self._prefix_clashes()
        yield from self.hours.problems_at(("hours",))
        yield from self._telephone_problems()
        yield from self._gate_problems()
        yield from self._others()

    def _key_clashes(self) -> Iterator[ModelProblem]:
        taken: dict[str, str] = {}
        entries: list[tuple[Loc, str, str]] = [
            (("languages", code, "key"), entry.key, code) for code, entry in self.languages.items()
        ]
        entries += [(("keys", name), key, name) for name, key in self.keys.model_dump().items()]
        entries.append((("recording", "refuse_key"), self.recording.refuse_key, "refuse_key"))
        for loc, key, name in entries:
            if key in taken:
                yield ModelProblem(loc, f'key "{key}" is already taken by {taken[key]}', "choose a free key")
            taken.setdefault(key, name)
        seen = {"#": "end and send"}
        for name, key in self.voicemail.keys.model_dump().items():
            if key in seen:
                loc = ("voicemail", "keys", name)
                yield ModelProblem(loc, f'key "{key}" is already taken by {seen[key]}', "choose a free key")
            seen.setdefault(key, name)

    def _prefix_clashes(self) -> Iterator[ModelProblem]:
        taken: dict[str, str] = {}
        for code, entry in self.languages.items():
            for index, prefix in enumerate(entry.prefixes):
                if prefix in taken:
                    message = f"{prefix} already belongs to {taken[prefix]}"
                    yield ModelProblem(("languages", code, "prefixes", index), message, "keep one of the two")
                taken.setdefault(prefix, code)

    def _telephone_problems(self) -> Iterator[ModelProblem]:
        """Each person has one telephone, no two share one, and numbers must be allowed."""
        places: list[tuple[Loc, FallbackPhone]] = [
            (("advisers", index), adviser) for index, adviser in enumerate(self.advisers)
        ]
        places += [(("on_call",), self.on_call), (("overflow",), self.overflow)]
        taken: set[str] = set()
        for loc, telephone in places:
            yield from telephone.telephone_problems(loc, self.outbound.numbers)
            target = telephone.endpoint or telephone.number
            if target and target in taken:
                yield ModelProblem(loc, f"{target} is there twice", "keep one of the two")
            taken.add(target)
            if telephone.number and not self.trunk.host:
                message = f"{telephone.number} is behind the trunk, and there is none"
                yield ModelProblem((*loc, "number"), message, "fill in trunk.host, or write an endpoint")
            if isinstance(telephone, Adviser) and not telephone.given:
                yield ModelProblem(
                    loc, f"{telephone.name} has no telephone", "write an endpoint, or a number"
                )
            if isinstance(telephone, Spare) and telephone.hours:
                yield from telephone.hours.problems_at((*loc, "hours"))

    def _gate_problems(self) -> Iterator[ModelProblem]:
        pairs: list[tuple[Loc, float, float]] = [((), self.gate.answer, self.gate.confirm)]
        overrides: dict[Loc, GateOverride] = {("languages", c): o for c, o in self.gate.languages.items()}
        overrides |= {("intents", name): o for name, o in self.gate.intents.items()}
        for where, entry in overrides.items():
            answer = self.gate.answer if entry.answer is None else entry.answer
            confirm = self.gate.confirm if entry.confirm is None else entry.confirm
            pairs.append((where, answer, confirm))
        for loc, answer, confirm in pairs:
            if confirm > answer:
                message = f"confirm ({confirm}) is above answer ({answer})"
                yield ModelProblem(("gate", *loc), message, "write a confirm that is not above answer")
        heard = self.gate.heard
        if heard.poor > heard.sure:
            yield ModelProblem(("gate", "heard"), "poor is above sure", "write a poor that is not above sure")
        if heard.lost > heard.poor:
            yield ModelProblem(("gate", "heard"), "lost is above poor", "write a lost that is not above poor")

    def _others(self) -> Iterator[ModelProblem]:
        for index, code in enumerate(self.silent_languages):
            if code not in self.languages:
                message = f"{code} is not among the languages"
                yield ModelProblem(("silent_languages", index), message, "use languages listed above")
        served = {code for adviser in self.advisers for code in adviser.languages}
        for code in self.languages:
            if self.advisers and code not in served:
                message = f"no adviser speaks {code}"
                hint = "add it to an adviser, else these callers get the voicemail"
                yield ModelProblem(("advisers",), message, hint, Severity.WARNING)
        yield from self.trunk.problems_at(("trunk",))
        yield from self.notify.problems_at(("notify",), list(self.languages))


def read(root: Path) -> Document[Callflow]:
    """Return the file below ``root`` with its findings."""
    return load(root / FILE, Callflow, root)


def load_callflow(root: Path) -> Callflow:
    """Return the call flow below ``root``; raises ConfigError with all findings when it has errors."""
    return read(root).checked("the call flow")
