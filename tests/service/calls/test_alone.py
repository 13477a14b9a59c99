"""Asterisk without any worker: the caller hears an apology in two languages, and their message is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ivr.asterisk.config import remove
from ivr.asterisk.process import Asterisk
from ivr.core.audio import read_audio, through_g711
from ivr.core.settings import Settings
from ivr.service.supervisor import prepare
from ivr.simulator.softphone import Softphone
from ivr.speech.stt import Recogniser
from tests.service.calls import sounds, words
from tests.service.calls.running_service import NewSettings, RunningService

pytestmark = [pytest.mark.asterisk, pytest.mark.side_by_side]


@asynccontextmanager
async def asterisk_alone(settings: Settings, ears: Recogniser) -> AsyncIterator[RunningService]:
    """Asterisk and a telephone, without the service."""
    await asyncio.to_thread(prepare, settings)
    try:
        async with Asterisk(settings) as asterisk, Softphone(settings) as phone:
            service = RunningService(settings, ears, asterisk, phone, None)
            try:
                yield service
            finally:
                await service.close()
    finally:
        await asyncio.to_thread(remove, settings)


async def test_the_dialplan_serves_by_itself(settled: NewSettings, ears: Recogniser) -> None:
    async with asterisk_alone(settled(), ears) as bare:
        await apologises_and_records(bare)
        await bare.empty()


async def apologises_and_records(bare: RunningService) -> None:
    async with bare.call("en") as caller:
        await caller.until_beep()
        apologies = caller.heard()
        await caller.speak(await caller.words(words.MESSAGE_EN))
        spoken = caller.now
        await caller.until_hung_up_on()
        after = sounds.cut(caller.heard(), spoken, caller.now)
    greeting = sounds.first_sound(apologies)
    assert greeting is not None and greeting < 0.3
    for lang in ("fr", "en"):
        assert await bare.share_of_phrase("fallback", lang, apologies) > 0.8, lang
        assert await bare.share_of_phrase("voicemail_sent", lang, after) > 0.8, lang
    (sound,) = (bare.settings.pbx / "spool/fallback").glob("*.wav")
    own = through_g711(await caller.words(words.MESSAGE_EN))
    assert await sounds.share_of(own, read_audio(sound)) > 0.8
