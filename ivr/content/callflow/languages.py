"""The language menu, and the keys that work at any time of a call."""

from __future__ import annotations

from functools import cached_property

from ivr.content.callflow.fields import DtmfKey, Prefix
from ivr.content.intents import ControlIntent
from ivr.core.yamlfile import Strict


class LanguageEntry(Strict):
    """One line of the language menu."""

    key: DtmfKey
    prefixes: list[Prefix] = []


class ControlKeys(Strict):
    """Keys that work at any time of a call."""

    person: DtmfKey = "0"
    repeat: DtmfKey = "*"
    menu: DtmfKey = "#"
    language: DtmfKey = "9"

    @cached_property
    def intents(self) -> dict[str, ControlIntent]:
        """Key -> the control intent that it triggers."""
        return {
            self.person: ControlIntent.HUMAN,
            self.repeat: ControlIntent.REPEAT,
            self.menu: ControlIntent.MENU,
            self.language: ControlIntent.CHANGE_LANGUAGE,
        }
