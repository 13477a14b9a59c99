"""The service's dialplan on a real Asterisk: wherever the application fails, the caller is served."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ivr.asterisk import ari_events as ev
from ivr.asterisk import queues
from ivr.asterisk.ari import Ari
from ivr.asterisk.ari_link import Arrival
from ivr.call.queue_forecast import QueueForecast
from ivr.content.callflow import load_callflow
from ivr.content.callflow.wait_estimate import WaitEstimate
from ivr.core.audio import RATE, read_audio, seconds, to_floats, to_pcm, write_wav
from ivr.core.events import MessageLeft
from ivr.simulator.adviser import AdviserPlan, Reaction
from ivr.simulator.scenario import CallSpec, HangUp, Say, Wait
from ivr.simulator.softphone import Credentials, Softphone
from ivr.store.messages import VoicemailSpool
from tests.asterisk.conftest import (
    CROWDED_HZ,
    FALLBACK_HZ,
    GERMAN_HZ,
    NEXT_HZ,
    PLACE_HZ,
    SENT_HZ,
    TIME_HZ,
    UNSENT_HZ,
    WAIT_HZ,
    WHISPER_HZ,
)
from tests.asterisk.peers import Desk, RealCaller, RealPeer, desk, tone, until
from tests.conftest import ROOT

pytestmark = pytest.mark.asterisk
MESSAGE_HZ, ADVISER_HZ = 1000, 1300
BEEP_S = 0.7
"""Asterisk's beep has the fallback's tone and is shorter; the fallback itself is seconds long."""
AWAY = {"TIMEOUT", "LEAVEEMPTY"}
"""The adviser missed the call.  After the second time the queue is empty."""


def share(pcm: bytes, hertz: int) -> float:
    """Seconds of the sound in which this tone is there."""
    frame = RATE // 20
    floats = to_floats(pcm)
    parts = floats[: floats.size // frame * frame].reshape(-1, frame)
    spectrum = np.abs(np.fft.rfft(parts * np.hanning(frame), axis=1)) / frame
    return float(np.count_nonzero(spectrum[:, round(hertz * frame / RATE)] > 0.02)) * 0.05


def wav(folder: Path, hertz: int, seconds: float) -> Path:
    path = folder / f"{hertz}.wav"
    write_wav(path, tone(seconds, hertz))
    return path


def to(peer: RealPeer) -> str:
    return f"sip:127.0.0.1:{peer.settings.sip_port}"


def spooled(peer: RealPeer) -> set[Path]:
    """Messages that the dialplan recorded by itself."""
    return set((peer.settings.pbx / "spool/fallback").glob("*.wav"))


async def collected(peer: RealPeer, before: set[Path]) -> MessageLeft:
    """The one message that was left since."""
    async with peer.ari() as ari:
        await until(lambda: len(spooled(peer) - before) == 1)
        (new,) = spooled(peer) - before
        for _ in range(50):
            if new.stem not in {channel.id for channel in await ari.channels()}:
                break
            await asyncio.sleep(0.1)
    (item,) = VoicemailSpool(peer.settings).collect((), [new.with_suffix(".json")])
    assert item.call_id == new.stem and item.event.why == "fallback"
    return item.event


async def test_without_an_application_the_caller_hears_the_apology_and_leaves_a_message(
    real: RealPeer, tmp_path: Path
) -> None:
    before = spooled(real)
    steps = (Wait(2.6), Say(wav(tmp_path, MESSAGE_HZ, 2.5)), HangUp())
    report = await real.phone.call(CallSpec(to(real), steps))
    assert report.ok and report.analysis.greeting_s is not None
    assert report.analysis.greeting_s < 0.3
    begin = round(report.analysis.greeting_s * RATE) * 2
    assert share(report.service[begin : begin + RATE * 2], FALLBACK_HZ) > 0.85
    message = await collected(real, before)
    assert message.number == "softphone" and message.lang == ""
    assert share(read_audio(real.settings.state / message.file), MESSAGE_HZ) > 1.8


QUIETEST_DB = -54.0
"""Level (dBFS) of a whisper into a hands-free telephone: the conversation understands it."""


def whispered(seconds: float) -> bytes:
    """A sound with the rhythm of syllables, at ``QUIETEST_DB`` on average."""
    t = np.arange(round(seconds * RATE)) / RATE
    voiced = np.sin(2 * np.pi * MESSAGE_HZ * t) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * t))
    return to_pcm(voiced / np.sqrt(np.mean(voiced**2)) * 10 ** (QUIETEST_DB / 20))


@pytest.mark.parametrize(("said_s", "told"), [(2.5, SENT_HZ), (0.0, UNSENT_HZ)], ids=["whisper", "silence"])
async def test_a_caller_who_falls_silent_in_a_message_is_told_what_becomes_of_it(
    real: RealPeer, said_s: float, told: int
) -> None:
    before = spooled(real)
    async with real.caller() as caller:
        await until(lambda: share(caller.heard(), FALLBACK_HZ) > 1.0)
        await asyncio.sleep(1.0)
        await caller.say(whispered(said_s) if said_s else b"")
        await until(lambda: share(caller.heard(), told) > 0.5, 15)
        assert share(caller.heard(), SENT_HZ + UNSENT_HZ - told) == 0
    (new,) = spooled(real) - before
    found = list(VoicemailSpool(real.settings).collect((), [new.with_suffix(".json")]))
    assert len(found) == (said_s > 0)


async def test_a_whisper_is_recorded_by_the_application_where_no_silence_ends_it(real: RealPeer) -> None:
    async with desk(real) as worker, real.caller() as caller:
        arrival = await worker.arrival()
        await worker.ari.answer(arrival.channel.id)
        await worker.ari.renew(arrival.channel.id, 20)
        await worker.ari.record(arrival.channel.id, "box/whisper", max_seconds=9)
        await event_of(arrival, ev.RecordingStarted)
        await caller.say(whispered(2.5))
        await caller.press("#")
        done = await event_of(arrival, ev.RecordingFinished)
        assert isinstance(done, ev.RecordingFinished) and done.talking_duration < 0
        await caller.hang_up()
        await left(arrival)  # otherwise the next test's worker adopts the caller
        assert seconds(read_audio(real.settings.pbx / "spool/recording/box/whisper.wav")) > 2.3


async def test_a_stuck_application_loses_the_caller_to_the_fallback(real: RealPeer) -> None:
    async with desk(real) as worker, real.caller() as caller:
        arrival = await worker.arrival()
        await worker.ari.answer(arrival.channel.id)  # and then nothing: the timer of 2 s runs out
        await until(lambda: share(caller.heard(), FALLBACK_HZ) > 0.5)
        assert 1.5 < caller.line.now < 4.0
        await left(arrival)


@pytest.mark.parametrize(
    ("lang", "spoken", "other"),
    [("de", GERMAN_HZ, FALLBACK_HZ), ("xx", FALLBACK_HZ, GERMAN_HZ)],
    ids=["chosen", "without its sounds"],
)
async def test_the_fallback_speaks_the_language_that_the_caller_has_chosen(
    real: RealPeer, lang: str, spoken: int, other: int
) -> None:
    async with desk(real) as worker, real.caller() as caller:
        arrival = await worker.arrival()
        await worker.ari.answer(arrival.channel.id)
        await worker.ari.set_variable(arrival.channel.id, "IVR_LANG", lang)
        await until(lambda: share(caller.heard(), spoken) > 0.3)
        assert share(caller.heard(), other) == 0
        await left(arrival)


async def test_a_living_application_keeps_the_caller(real: RealPeer) -> None:
    async with desk(real) as worker, real.caller() as caller:
        arrival = await worker.arrival()
        await worker.ari.answer(arrival.channel.id)
        for _ in range(6):
            await worker.ari.renew(arrival.channel.id, 2)
            await asyncio.sleep(0.5)
        assert share(caller.heard(), FALLBACK_HZ) == 0
        await worker.ari.renew(arrival.channel.id, 2)


@asynccontextmanager
async def orphan(real: RealPeer) -> AsyncIterator[tuple[RealCaller, str, Ari]]:
    """A caller of a dead application, the id of the channel, and the ARI client of another process."""
    async with AsyncExitStack() as stack:
        async with desk(real) as worker:
            caller = await stack.enter_async_context(real.caller())
            id = (await worker.arrival()).channel.id
            await worker.ari.answer(id)
        yield caller, id, await stack.enter_async_context(real.ari())


async def test_a_dead_applications_caller_can_be_rescued_by_another_process(real: RealPeer) -> None:
    async with orphan(real) as (caller, id, rescuer):
        held = await rescuer.application()
        assert held is not None and id in held.channel_ids
        assert await rescuer.variable(id, "DIALPLAN_EXISTS(fallback,s,1)") == "1"
        assert await rescuer.variable(id, "DIALPLAN_EXISTS(no-such-context,s,1)") == "0"
        await rescuer.continue_in_dialplan(id, "fallback")
        await until(lambda: share(caller.heard(), FALLBACK_HZ) > 0.3, 1.5)


async def test_a_dead_applications_caller_waits_for_the_next_once(real: RealPeer) -> None:
    async with orphan(real) as (caller, id, rescuer):
        await rescuer.continue_in_dialplan(id, "lost")
        async with desk(real) as worker:
            assert (await worker.arrival()).args == ("return", "LOST")
            assert share(caller.heard(), WAIT_HZ) > 0.7
        await rescuer.continue_in_dialplan(id, "lost")
        await until(lambda: share(caller.heard(), FALLBACK_HZ) > 0.3)


async def test_a_dead_applications_caller_whom_no_other_takes_leaves_a_message(real: RealPeer) -> None:
    async with orphan(real) as (caller, id, rescuer):
        await rescuer.set_variable(id, "IVR_LANG", "en")
        await rescuer.continue_in_dialplan(id, "lost")
        await until(lambda: share(caller.heard(), FALLBACK_HZ) > 0.3, 20)
        assert share(caller.heard(), WAIT_HZ) > 1.5


async def test_a_caller_of_a_dead_application_leaves_a_message_with_their_number_and_is_told_that_it_is_kept(
    real: RealPeer,
) -> None:
    before = spooled(real)
    async with orphan(real) as (caller, id, rescuer):
        await rescuer.set_variable(id, "IVR_LANG", "en")
        await rescuer.continue_in_dialplan(id, "fallback")
        await until(lambda: share(caller.heard(), FALLBACK_HZ) > 0.4)  # in English alone
        await asyncio.sleep(1.0)
        await caller.say(tone(1.5, MESSAGE_HZ))
        await until(lambda: share(caller.heard(), SENT_HZ) > 0.3, 15)
    message = await collected(real, before)
    assert (message.number, message.lang) == ("softphone", "en")


async def test_a_full_house_leaves_the_caller_to_the_dialplan(real: RealPeer) -> None:
    async with desk(real, admit=lambda coming: False), real.caller() as caller:
        await until(lambda: share(caller.heard(), FALLBACK_HZ) > 0.3)


async def test_who_finds_no_place_is_told_so_and_may_leave_a_message(real: RealPeer) -> None:
    before = spooled(real)
    async with desk(real, admit=lambda coming: False) as worker, real.caller() as caller:
        await worker.ari.set_global("CROWDED", str(int(time.time())))
        await until(lambda: share(caller.heard(), CROWDED_HZ) > 0.8)
        await caller.say(tone(5.0, MESSAGE_HZ))
        assert share(caller.heard(), FALLBACK_HZ) < BEEP_S
    await collected(real, before)


async def test_a_caller_without_a_place_may_have_an_adviser_of_their_language_and_comes_back(
    real: RealPeer,
) -> None:
    async with AsyncExitStack() as stack:
        adviser = await stack.enter_async_context(real.phone.adviser("adviser1", AdviserPlan(Reaction.BUSY)))
        await real.asterisk.command("queue unpause member Local/adviser1@ring/n")
        places = [False]
        worker = await stack.enter_async_context(desk(real, admit=lambda coming: places[0]))
        await worker.ari.set_global("CROWDED", str(int(time.time())))
        caller = await stack.enter_async_context(real.caller())
        await until(lambda: share(caller.heard(), CROWDED_HZ) > 0.2)
        places[0] = True
        await caller.press("2")
        await adviser.rung.wait()
        assert await worker.ari.variable((arrival := await worker.arrival()).channel.id, "IVR_LANG") == "en"
        assert arrival.args == ("return", "DECLINED")


@pytest.mark.parametrize("context", ["back", "lost"])
async def test_who_comes_back_and_finds_no_place_is_told_so_in_their_language(
    real: RealPeer, context: str
) -> None:
    async with orphan(real) as (caller, id, rescuer), desk(real, admit=lambda coming: False):
        await rescuer.set_variable(id, "IVR_LANG", "en")
        await rescuer.set_variable(id, "IVR_QUEUE", "en")
        await rescuer.set_global("CROWDED", str(int(time.time()) + 15))
        await rescuer.continue_in_dialplan(id, context)
        await until(lambda: share(caller.heard(), CROWDED_HZ) > 0.3, 20)
        await until(lambda: share(caller.heard(), FALLBACK_HZ) > 0.1)  # the beep
        assert share(caller.heard(), CROWDED_HZ) < 0.7, "in both languages"
        assert share(caller.heard(), FALLBACK_HZ) < BEEP_S
        await rescuer.set_global("CROWDED", "0")


async def test_both_legs_are_recorded(real: RealPeer) -> None:
    async with desk(real) as worker:
        async with real.caller() as caller:
            arrival = await worker.arrival()
            async with worker.media(arrival) as media:
                await media.send(tone(1.0))
                await caller.say(tone(1.0, MESSAGE_HZ))
        folder = real.settings.pbx / "spool/monitor"
        legs = [folder / f"{arrival.channel.id}-{side}.wav16" for side in ("in", "out")]
        await left(arrival)
        await until(lambda: all(leg.exists() and leg.stat().st_size > 14_000 for leg in legs))
        assert share(read_audio(legs[0]), MESSAGE_HZ) > 0.7
        assert share(read_audio(legs[1]), 440) > 0.7


async def test_a_message_is_recorded_by_the_application(real: RealPeer) -> None:
    async with desk(real) as worker, real.caller() as caller:
        arrival = await worker.arrival()
        id = arrival.channel.id
        await worker.ari.answer(id)
        await worker.ari.record(id, "box/m1", max_seconds=5, beep=True)
        await event_of(arrival, ev.RecordingStarted)
        await caller.say(tone(1.5, MESSAGE_HZ))
        await caller.press("#")
        done = await event_of(arrival, ev.RecordingFinished)
        assert isinstance(done, ev.RecordingFinished) and done.name == "box/m1"
        assert share(read_audio(real.settings.pbx / "spool/recording/box/m1.wav"), MESSAGE_HZ) > 1.2


# to an adviser


async def hand_off(
    worker: Desk, arrival: Arrival, wait_s: int = 6, target: str = "queue", **more: str
) -> None:
    """What the application does: variables from fixed lists, then on into the dialplan."""
    variables = {
        "__IVR_QUEUE": "desk-en", "IVR_WAIT": str(wait_s), "IVR_PRIO": "0", "IVR_WANTED": "1", "IVR_TOLD": "0",
        "__IVR_WHISPER": "desk/lang-en&desk/why-asked", "IVR_LANG": "en", **more,
    }  # fmt: skip
    for name, value in variables.items():
        await worker.ari.set_variable(arrival.channel.id, name, value)
    await worker.ari.continue_in_dialplan(arrival.channel.id, "handoff", target)


async def left(arrival: Arrival) -> None:
    await event_of(arrival, ev.StasisEnd)


async def event_of(arrival: Arrival, kind: type) -> object:
    async with asyncio.timeout(8):
        while not isinstance(event := await arrival.events.get(), kind):
            pass
    return event


async def come_back(worker: Desk, timeout_s: float = 20) -> Arrival:
    async with asyncio.timeout(timeout_s):
        return await anext(aiter(worker.link.calls()))


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (AdviserPlan(Reaction.BUSY, after_s=1.0), {"DECLINED"}),
        (AdviserPlan(Reaction.DECLINE, after_s=0.3), {"DECLINED"}),
        (AdviserPlan(Reaction.IGNORE), AWAY),
        (AdviserPlan(keys="2"), {"DECLINED"}),
        (AdviserPlan(keys=""), AWAY),
        (AdviserPlan(keys="", hang_up_after_s=0.4), AWAY),
    ],
    ids=["busy", "rejects", "does not answer", "refuses", "presses nothing", "hangs up instead of a key"],
)
async def test_the_caller_comes_back_when_no_adviser_accepts(
    real: RealPeer, plan: AdviserPlan, why: set[str]
) -> None:
    async with real.phone.adviser("adviser1", plan) as adviser, desk(real) as worker, real.caller() as caller:
        await real.asterisk.command("queue unpause member Local/adviser1@ring/n")
        arrival = await worker.arrival()
        await worker.ari.answer(arrival.channel.id)
        await hand_off(worker, arrival)
        again = await come_back(worker)
        assert again.channel.id == arrival.channel.id and not again.adopted
        assert again.args[0] == "return" and again.args[1] in why
        assert share(caller.heard(), FALLBACK_HZ) == 0
        assert float(np.abs(to_floats(caller.heard()[-32_000:])).max()) > 0.02, "he waits without music"
        assert (await adviser.next_call()).ended_by in ("adviser", "caller")


async def test_without_any_adviser_the_caller_comes_back_at_once(real: RealPeer) -> None:
    async with desk(real) as worker, real.caller():
        arrival = await worker.arrival()
        await worker.ari.answer(arrival.channel.id)
        await hand_off(worker, arrival)
        assert (await come_back(worker)).args == ("return", "JOINEMPTY")


@pytest.mark.parametrize(("key", "why"), [("1", "CALLBACK"), ("2", "MESSAGE")])
async def test_a_key_takes_the_caller_out_of_the_queue(real: RealPeer, key: str, why: str) -> None:
    plan = AdviserPlan(Reaction.IGNORE)
    async with real.phone.adviser("adviser1", plan) as adviser, desk(real) as worker, real.caller() as caller:
        await real.asterisk.command("queue unpause member Local/adviser1@ring/n")
        arrival = await worker.arrival()
        await worker.ari.answer(arrival.channel.id)
        await hand_off(worker, arrival, 60)
        await adviser.rung.wait()
        await caller.press(key)
        assert (await come_back(worker)).args == ("return", why)


async def test_caller_and_adviser_talk_after_music_and_the_caller_comes_back(
    real: RealPeer, tmp_path: Path
) -> None:
    plan = AdviserPlan(
        after_s=0.5, keys_after_s=1.0, say=(wav(tmp_path, ADVISER_HZ, 1.0),), hang_up_after_s=0.8
    )
    async with real.phone.adviser("adviser1", plan) as adviser, desk(real) as worker, real.caller() as caller:
        await real.asterisk.command("queue unpause member Local/adviser1@ring/n")
        arrival = await worker.arrival()
        await worker.ari.answer(arrival.channel.id)
        await hand_off(worker, arrival)
        await adviser.rung.wait()
        await asyncio.sleep(1.2)
        music = to_floats(caller.heard())
        assert float(np.abs(music).max()) > 0.02
        await until(lambda: share(caller.heard(), ADVISER_HZ) > 0.3)
        await caller.say(tone(1.0, MESSAGE_HZ))
        again = await come_back(worker)
        assert again.args == ("return", "CONTINUE")
        talk = await adviser.next_call()
        assert talk.answered and talk.ended_by == "adviser"
        assert share(talk.heard, MESSAGE_HZ) > 0.6
        assert share(talk.heard, WHISPER_HZ) > 0.3
        assert share(caller.heard(), WHISPER_HZ) == 0
        assert share(caller.heard(), ADVISER_HZ) > 0.8


@pytest.mark.parametrize(
    "plan", [AdviserPlan(keys="2"), AdviserPlan(Reaction.DECLINE)], ids=["key", "button"]
)
async def test_whom_everybody_refuses_is_not_kept_waiting(real: RealPeer, plan: AdviserPlan) -> None:
    async with real.phone.adviser("adviser1", plan), desk(real) as worker, real.caller():
        await real.asterisk.command("queue unpause member Local/adviser1@ring/n")
        arrival = await worker.arrival()
        await worker.ari.answer(arrival.channel.id)
        await hand_off(worker, arrival, 60)
        assert (await come_back(worker, 10)).args == ("return", "DECLINED")


async def test_whom_one_refuses_waits_for_the_other_who_is_in_a_talk(real: RealPeer, tmp_path: Path) -> None:
    talks = AdviserPlan(say=(wav(tmp_path, ADVISER_HZ, 5.0),), hang_up_after_s=0.2)
    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(desk(real))
        busy = await stack.enter_async_context(real.phone.adviser("adviser1", talks))
        await real.asterisk.command("queue unpause member Local/adviser1@ring/n")
        first = await waits(real, worker, stack)
        await busy.rung.wait()
        refuses = await stack.enter_async_context(real.phone.adviser("adviser2", AdviserPlan(keys="2")))
        await real.asterisk.command("queue unpause member Local/adviser2@ring/n")
        stack.push_async_callback(real.asterisk.command, "queue pause member Local/adviser2@ring/n")
        second = await waits(real, worker, stack)
        assert (await refuses.next_call()).ended_by == "caller"
        back = [await come_back(worker, 30) for _ in range(2)]
        assert [one.channel.id for one in back] == [first, second]
        assert [one.args for one in back] == [("return", "CONTINUE")] * 2


async def test_the_longest_wait_is_first_in_all_languages_and_before_it_who_has_a_place(
    real: RealPeer, tmp_path: Path
) -> None:
    plan = AdviserPlan(say=(wav(tmp_path, ADVISER_HZ, 8.0),), hang_up_after_s=1.5)
    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(desk(real))
        adviser = await stack.enter_async_context(real.phone.adviser("adviser1", plan))
        await real.asterisk.command("queue unpause member Local/adviser1@ring/n")
        talking = await waits(real, worker, stack)
        await adviser.rung.wait()
        await asyncio.sleep(1.5)
        adviser.plan = replace(plan, say=())  # the others are let go at once
        french = await waits(real, worker, stack, queue="desk-fr")
        await asyncio.sleep(1.1)  # app_queue counts in whole seconds
        english = await waits(real, worker, stack)
        await asyncio.sleep(1.1)
        urgent = await waits(real, worker, stack, queue="desk-fr", first="10")
        back = [await come_back(worker, 40) for _ in range(4)]
        assert [one.args for one in back] == [("return", "CONTINUE")] * 4
        assert [one.channel.id for one in back] == [talking, urgent, french, english]


async def test_how_long_callers_take_is_measured(real: RealPeer, tmp_path: Path) -> None:
    plan = AdviserPlan(after_s=1.0, say=(wav(tmp_path, ADVISER_HZ, 1.0),), hang_up_after_s=1.0)
    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(desk(real))
        await stack.enter_async_context(real.phone.adviser("adviser1", plan))
        ami = await stack.enter_async_context(queues.connect(real.settings))
        await real.asterisk.command("queue unpause member Local/adviser1@ring/n")
        await real.asterisk.command("database deltree handled")
        assert await queues.handling_times(ami) == (0, 0.0, 0.0)
        await waits(real, worker, stack)
        assert (await come_back(worker)).args == ("return", "CONTINUE")
        callers, mean, square = await queues.handling_times(ami)
        assert callers == 1 and 2.0 <= mean <= 10.0 and square == mean**2
        await real.asterisk.command("database put handled callers 23")
        caller = await stack.enter_async_context(real.caller())
        arrival = await worker.arrival()
        await worker.ari.answer(arrival.channel.id)
        await hand_off(worker, arrival)
        await until(lambda: share(caller.heard(), ADVISER_HZ) > 0.3, 15)
        await caller.hang_up()

        for _ in range(50):  # until Asterisk has noticed
            if (await queues.handling_times(ami))[0] == 20:
                break
            await asyncio.sleep(0.1)
        assert (await queues.handling_times(ami))[0] == 20, "more than twenty are not counted"
        assert abs((await queues.handling_times(ami))[1] - mean) < 0.5, "one of twenty"


async def test_a_caller_with_an_estimate_counts_before_the_next_one(real: RealPeer) -> None:
    async with real.phone.adviser("adviser1", AdviserPlan()):
        await real.asterisk.command("queue unpause member Local/adviser1@ring/n")
        forecast = QueueForecast(real.settings, load_callflow(ROOT))
        await asyncio.sleep(1.2)  # the wrap-up time after the last talk
        assert await forecast.estimate("one", "en", 0) == WaitEstimate(1, 0.0)
        assert await forecast.estimate("one", "en", 0) == WaitEstimate(1, 0.0), (
            "a caller does not wait for themselves"
        )
        second = await forecast.estimate("two", "fr", 0)
        assert second is not None and second.staffed == 1 and second.wait_s > 0
        assert await forecast.estimate("urgent", "fr", 10) == WaitEstimate(1, 0.0)
        await real.asterisk.command("queue pause member Local/adviser1@ring/n")
        assert await forecast.estimate("three", "en", 0) == WaitEstimate(0), (
            "an adviser on a break does not count"
        )


async def test_where_asterisk_does_not_tell_nothing_is_told(real: RealPeer) -> None:
    forecast = QueueForecast(replace(real.settings, ami_port=1), load_callflow(ROOT))
    assert await forecast.estimate("one", "en", 0) is None


async def waits(
    real: RealPeer, worker: Desk, stack: AsyncExitStack, queue: str = "desk-en", first: str = "0"
) -> str:
    """One more caller who waits in a queue; yields the channel."""
    await stack.enter_async_context(real.caller())
    arrival = await worker.arrival()
    await worker.ari.answer(arrival.channel.id)
    await hand_off(worker, arrival, 60, __IVR_QUEUE=queue, IVR_PRIO=first)
    return arrival.channel.id


async def test_a_waiting_caller_is_told_place_and_time_by_our_own_files(real: RealPeer) -> None:
    async with AsyncExitStack() as stack:
        adviser = await stack.enter_async_context(real.phone.adviser("adviser1", AdviserPlan()))
        await real.asterisk.command("queue unpause member Local/adviser1@ring/n")
        worker = await stack.enter_async_context(desk(real))
        callers = []
        for _ in range(3):
            callers.append(await stack.enter_async_context(real.caller()))
            arrival = await worker.arrival()
            await worker.ari.answer(arrival.channel.id)
            await worker.ari.set_variable(arrival.channel.id, "CHANNEL(language)", "en_60")
            await hand_off(worker, arrival, 60)
            if len(callers) == 1:
                await adviser.rung.wait()
                await asyncio.sleep(2.0)
        _, first, second = callers
        await until(lambda: share(second.heard(), PLACE_HZ) > 0.4, 10)
        await until(lambda: share(second.heard(), TIME_HZ) > 0.4, 10)
        await until(lambda: share(first.heard(), NEXT_HZ) > 0.4, 10)
        await second.press("2")
        back = await come_back(worker)
        assert back.args == ("return", "MESSAGE")
        assert await worker.ari.variable(back.channel.id, "CHANNEL(language)") == "en"


async def test_a_reload_drops_nobody_from_the_queue(real: RealPeer, tmp_path: Path) -> None:
    plan = AdviserPlan(after_s=2.0, say=(wav(tmp_path, ADVISER_HZ, 1.0),), hang_up_after_s=0.5)
    async with real.phone.adviser("adviser1", plan) as adviser, desk(real) as worker, real.caller() as caller:
        await real.asterisk.command("queue unpause member Local/adviser1@ring/n")
        arrival = await worker.arrival()
        await worker.ari.answer(arrival.channel.id)
        await hand_off(worker, arrival, 20)
        await adviser.rung.wait()
        await real.asterisk.reload()
        assert (await come_back(worker)).args == ("return", "CONTINUE")
        assert share(caller.heard(), ADVISER_HZ) > 0.8


async def test_after_the_queue_without_any_worker_the_fallback_serves(real: RealPeer) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(real.phone.adviser("adviser1", AdviserPlan(Reaction.BUSY)))
        await real.asterisk.command("queue unpause member Local/adviser1@ring/n")
        async with desk(real) as worker:
            caller = await stack.enter_async_context(real.caller())
            arrival = await worker.arrival()
            await worker.ari.answer(arrival.channel.id)
            await hand_off(worker, arrival)
            await left(arrival)
        await until(lambda: share(caller.heard(), FALLBACK_HZ) > 0.3, 15)


# who may call


@pytest.mark.parametrize("who", [Credentials("softphone", "wrong"), Credentials("stranger", "x")])
async def test_strangers_are_refused(real: RealPeer, who: Credentials) -> None:
    async with Softphone(real.settings, credentials=who) as phone:
        report = await phone.call(CallSpec(to(real)))
    assert not report.ok and report.hangup_by == "nobody" and report.failure == "refused"


@pytest.mark.parametrize("dialled", ["+33899700700", "adviser2", "oncall", "queue"])
async def test_an_advisers_telephone_calls_nobody(real: RealPeer, dialled: str) -> None:
    who = Credentials("adviser1", real.settings.secrets["ADVISER_PASSWORD"])
    async with Softphone(real.settings, credentials=who) as phone:
        report = await phone.call(CallSpec(f"sip:{dialled}@127.0.0.1:{real.settings.sip_port}"))
    assert not report.ok
