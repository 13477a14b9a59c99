"""Which of two classifiers answers, when each fails in its own way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ivr.core.errors import NluUnavailable
from ivr.nlu.classifier import ClassifierName
from ivr.nlu.client import ANSWER_S, HttpClassifier
from ivr.nlu.fallback import PROBE_S, FallbackClassifier
from tests.fakes.rasa import FakeRasa

pytestmark = pytest.mark.virtual_time(sockets=True)

QUESTION = "how much is a week"
FIRST, SECOND = {QUESTION: "navigo.pass"}, {QUESTION: "navigo.week"}
"""The two peers give different answers, so that a test sees which one was asked."""


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[FakeRasa, FakeRasa, FallbackClassifier]]:
    """The first peer, the second, and the classifier that asks them."""
    async with (
        FakeRasa(FIRST) as one,
        FakeRasa(SECOND) as two,
        HttpClassifier(one.url) as first,
        HttpClassifier(two.url, name=ClassifierName.LOCAL) as second,
        FallbackClassifier(first, second) as both,
    ):
        yield one, two, both


async def asked(both: FallbackClassifier) -> tuple[str, str]:
    """The intent and who named it."""
    intent = await both.classify(QUESTION, "en")
    return intent.name, intent.classifier


ONE = ("navigo.pass", "rasa")
OTHER = ("navigo.week", "local")


def break_(peer: FakeRasa, how: str) -> None:
    """The peer refuses (an HTTP status), stands still, or answers garbage."""
    peer.failing = 503 if how == "refuses" else 0
    peer.frozen, peer.garbled = how == "frozen", how == "garbage"


async def test_the_first_answers_while_it_can() -> None:
    async with pair() as (_, two, both):
        assert [await asked(both) for _ in range(3)] == [ONE] * 3 and two.parsed == []
        assert both.name == "rasa"


@pytest.mark.parametrize("how", ["refuses", "frozen", "garbage"])
async def test_the_same_question_goes_to_the_second(how: str, caplog: pytest.LogCaptureFixture) -> None:
    async with pair() as (one, two, both):
        break_(one, how)
        began = asyncio.get_running_loop().time()
        assert await asked(both) == OTHER and two.parsed == [QUESTION]
        waited = asyncio.get_running_loop().time() - began
        assert waited < ANSWER_S + 0.2, "the limit of the first, and the answer of the second"
        began += waited
        assert [await asked(both) for _ in range(3)] == [OTHER] * 3 and both.name == "local"
        assert asyncio.get_running_loop().time() - began < 0.2, "further questions do not wait for the first"
    assert [record.message for record in caplog.records if "ALARM" in record.message] != []


async def test_calls_that_fail_together_raise_one_alarm(caplog: pytest.LogCaptureFixture) -> None:
    async with pair() as (one, _, both):
        one.frozen = True
        assert await asyncio.gather(*(asked(both) for _ in range(5))) == [OTHER] * 5
    assert sum("ALARM" in record.message for record in caplog.records) == 1


@pytest.mark.parametrize("how", ["refuses", "frozen", "garbage"])
async def test_the_first_is_asked_again_when_a_probe_is_answered(how: str) -> None:
    async with pair() as (one, two, both):
        break_(one, how)
        assert await asked(both) == OTHER
        break_(one, "")
        await asyncio.sleep(PROBE_S + ANSWER_S + 0.5)
        assert await asked(both) == ONE and len(two.parsed) == 1


async def test_neither_answers() -> None:
    async with pair() as (one, two, both):
        one.frozen = two.frozen = True
        began = asyncio.get_running_loop().time()
        with pytest.raises(NluUnavailable, match="local does not answer"):
            await asked(both)
        assert asyncio.get_running_loop().time() - began < 2 * ANSWER_S + 0.2


async def test_the_second_is_back_before_the_first() -> None:
    async with pair() as (one, two, both):
        one.frozen, two.failing = True, 409
        with pytest.raises(NluUnavailable):
            await asked(both)
        two.failing = 0
        assert await asked(both) == OTHER


async def test_a_first_without_a_model_is_not_waited_for() -> None:
    async with pair() as (one, _, both):
        one.failing = 409
        assert await both.ready() and both.name == "local"
        one.failing = 0
        await asyncio.sleep(PROBE_S + 0.5)
        assert both.name == "rasa"


async def test_not_ready_while_neither_has_a_model() -> None:
    async with pair() as (one, two, both):
        one.failing = two.failing = 409
        assert not await both.ready()
        two.frozen = True
        assert not await both.ready()


async def test_no_probe_is_left_behind() -> None:
    before = asyncio.all_tasks()
    async with pair() as (one, _, both):
        one.frozen = True
        await asked(both)
        assert any(task.get_name() == "classifier probe" for task in asyncio.all_tasks() - before)
    assert not any(task.get_name() == "classifier probe" for task in asyncio.all_tasks())
