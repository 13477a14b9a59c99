"""Callers cut off at a pause, with the real recogniser and voice activity, in virtual time."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from ivr.call.audio.end_of_turn import EndOfTurnPolicy
from ivr.content.heldout import HeldOutQuestion
from ivr.core.settings import Settings
from ivr.evaluation import end_of_turn
from ivr.evaluation.replay.engines import ReplayEngines
from tests.fakes.rasa import FakeRasa

pytestmark = pytest.mark.slow

QUESTION = "How much are tickets for the Eiffel Tower?"


async def measured(installed: Settings, policy: EndOfTurnPolicy) -> list[end_of_turn.PauseRow]:
    """Return the rows of one question, which Rasa knows only as a whole."""
    question = HeldOutQuestion("en", QUESTION, "eiffel.price", "nlu/heldout/en.tsv", 1)
    async with FakeRasa({QUESTION: "eiffel.price"}) as rasa:
        settings = dataclasses.replace(installed, rasa_url=rasa.url)

        def rows() -> list[end_of_turn.PauseRow]:
            with ReplayEngines.load(settings, ["en"]) as engines:
                return list(end_of_turn.rows(settings, [question], engines, policy))

        return await asyncio.to_thread(rows)


async def test_a_whole_question_waits_for_less_than_a_part_of_one(installed: Settings) -> None:
    clean, noisy = await measured(installed, EndOfTurnPolicy())
    assert (clean.line, noisy.line, clean.questions, clean.breaks) == ("clean", "15 dB", 1, 2)
    assert end_of_turn.QUICK_S < clean.wait_s.max <= 0.66  # a frame or so over ``complete_s``
    assert clean.cut_off[0.9] == 0.0  # a part means nothing: a second at least


async def test_an_impatient_listener_cuts_off(installed: Settings) -> None:
    clean, _ = await measured(installed, EndOfTurnPolicy().always(0.45))
    assert (clean.cut_off[0.4], clean.cut_off[0.5]) == (0.0, 1.0)
