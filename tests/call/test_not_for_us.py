"""Callers who are none: a television, hold music, a modem, another machine, a child with the keys."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ivr.content.bundle import Content
from ivr.core.audio import RATE, silence, to_pcm
from ivr.core.events import CallFinished, Decided
from ivr.core.vocabulary import Decision
from tests.call.audio.telephone import until
from tests.call.dialogue.scripted import make_content
from tests.call.harness import CallHarness, call_harness, voice

pytestmark = pytest.mark.virtual_time(sockets=True)
QUIET = (
    "Nobody leaves this house before the morning comes.",
    "You knew it all the time, and you never said a word.",
    "The train to the coast leaves at a quarter past nine.",
)
LET_GO = Decided(Decision.LET_GO, "no-progress")
CRY = "He has a gun! Help! Call an ambulance!"
FILM_S, NOISE_S = 150.0, 110.0
"""Limits in seconds: five minutes of sound would cost seconds of processor time."""
PATIENCE_S = 60.0
"""Seconds after the limit in which the call has ended: the sentence, and a prompt that was under way."""


def film(pause_s: float) -> Iterator[bytes]:
    """A film without end; ``pause_s``: seconds between two sentences."""
    for sentence in itertools.cycle((*QUIET, CRY)):
        yield voice(sentence, "en") + silence(pause_s)


def music() -> Iterator[bytes]:
    """Hold music: chords that change twice a second, with an envelope."""
    t = np.arange(RATE // 2) / RATE
    for root in itertools.cycle((220.0, 261.6, 196.0, 293.7)):
        chord = sum(np.sin(2 * np.pi * root * ratio * t) for ratio in (1.0, 1.25, 1.5))
        yield to_pcm((0.08 * np.exp(-3 * t) * chord).astype(np.float32))


def modem() -> Iterator[bytes]:
    """A fax machine that calls: 1100 Hz for half a second every 3.5 s (ITU-T T.30, CNG)."""
    t = np.arange(RATE // 2) / RATE
    while True:
        yield to_pcm((0.2 * np.sin(2 * np.pi * 1100 * t)).astype(np.float32)) + silence(3.0)


class Texts(list[tuple[str, str] | None]):
    """What the recogniser makes of the sound, without end."""

    def __init__(self, texts: Iterator[str]) -> None:
        super().__init__()
        self._texts = texts

    def pop(self, index: object = 0) -> tuple[str, str] | None:
        return next(self._texts), "en"


def screenplay(here: CallHarness) -> Iterator[str]:
    """Harmless at first; after more than two minutes every second sentence is a cry for help."""
    for number in itertools.count():
        late = here.noted[-1].t > 130
        yield CRY if late and number % 2 else QUIET[number % len(QUIET)]


async def plays(here: CallHarness, sound: Iterator[bytes]) -> None:
    """Play a sound until the call is over."""
    await here.menu()
    here.recogniser.words = Texts(screenplay(here))
    while not here.session.done():
        await here.sounds(next(sound))


async def let_go(here: CallHarness, sound: Iterator[bytes], limit_s: float) -> None:
    """Play a sound; the service ends the call politely after the limit, and has decided nothing."""
    playing = asyncio.create_task(plays(here, sound))
    try:
        async with asyncio.timeout(limit_s + PATIENCE_S):
            await asyncio.shield(here.session)
    finally:
        playing.cancel()
    finished = here.last("call-finished")
    assert isinstance(finished, CallFinished)
    assert (finished.outcome, finished.by) == ("abandoned", "service")
    assert here.last("decided") == LET_GO
    assert finished.seconds > limit_s
    assert here.told()[-1] == "no_progress"
    assert {"person-wanted", "callback-wanted", "hand-off"}.isdisjoint(here.kinds())
    assert here.left_behind() == []


def limited(limit_s: float) -> Content:
    """The usual content with another limit."""
    content = make_content()
    limits = content.callflow.limits.model_copy(update={"progress_s": limit_s})
    return replace(content, callflow=content.callflow.model_copy(update={"limits": limits}))


def decisions(here: CallHarness) -> set[str]:
    """What was decided before the call was ended."""
    decided = [item.event for item in here.noted if isinstance(item.event, Decided)]
    return {str(event.decision) for event in decided[:-1]}


@pytest.mark.parametrize("pause_s", [0.3, 1.7], ids=["unbroken", "slow"])
async def test_a_film_is_let_go_and_its_cries_are_no_emergency(tmp_path: Path, pause_s: float) -> None:
    async with call_harness(tmp_path, content=limited(FILM_S)) as here:
        await let_go(here, film(pause_s), FILM_S)
        assert decisions(here) <= {"reprompt"}
        assert here.fake.recordings == {}


@pytest.mark.parametrize("sound", [music, modem], ids=["hold music", "modem"])
async def test_noise_is_offered_keys_and_let_go(tmp_path: Path, sound: Callable[[], Iterator[bytes]]) -> None:
    async with call_harness(tmp_path, content=limited(NOISE_S)) as here:
        await let_go(here, sound(), NOISE_S)
        assert decisions(here) == set()
        assert "person_line" in here.told()


async def test_who_speaks_up_beside_a_film_is_served_by_keys_and_in_its_pauses(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as here:
        playing = asyncio.create_task(plays(here, film(0.3)))
        await until(lambda: bool(here.noted) and here.noted[-1].t > 60, 90)
        playing.cancel()  # the film stops
        here.recogniser.words = []
        await asyncio.sleep(15)
        await here.says("what does a Navigo week cost")
        await here.hears("navigo.pass")


async def test_who_cries_for_help_at_once_is_in_an_emergency_whatever_else_is_heard(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as here:
        await here.menu()
        here.recogniser.words = Texts(itertools.repeat(CRY))
        await here.sounds(voice(CRY, "en") * 12)
        await here.hears("emergency")


async def test_a_child_with_the_keys_is_let_go(tmp_path: Path) -> None:
    async with call_harness(tmp_path, content=limited(NOISE_S)) as here:
        dice = random.Random(5)
        await here.menu()
        async with asyncio.timeout(NOISE_S + PATIENCE_S):
            while not here.session.done():
                here.fake.press(here.caller, dice.choice("1234567*"))
                await asyncio.sleep(dice.uniform(0.3, 4.0))
        assert here.last("call-finished") is not None
        assert here.told()[-1] == "no_progress"


async def test_what_a_caller_has_done_so_far_counts_on_when_the_dialplan_gives_them_back(
    tmp_path: Path,
) -> None:
    async with call_harness(tmp_path, "return", "TIMEOUT", lang="en") as here:
        here.caller.variables["IVR_SO_FAR"] = "400 280 1"
        await here.hears("no_progress")
        await here.over()
        assert here.fake.recordings == {} and here.noted[-1].t < 60
