"""The simulated caller on real calls: its report matches what the other side saw, and its times are right."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from pathlib import Path

import pytest

from ivr.core.audio import PHONE_RATE, RATE, read_channels
from ivr.core.errors import UsageError
from ivr.core.settings import Settings
from ivr.reporting.recording_analysis import speech
from ivr.simulator.caller import address
from ivr.simulator.scenario import CallSpec, Digits, HangUp, Interrupt, Say, Wait
from ivr.simulator.softphone import Softphone
from tests.service.calls.sounds import silent_gaps, sounds_between
from tests.simulator.conftest import Exchange

pytestmark = pytest.mark.asterisk


async def test_an_echo_comes_back_in_step(exchange: Exchange, word: Path, tmp_path: Path) -> None:
    record = tmp_path / "call.wav"
    steps = (Wait(0.3), Say(word), Wait(0.7), Say(word), Wait(0.7), HangUp())
    report = await exchange.phone.call(CallSpec(exchange.to("echo"), steps, record=record, patience_s=0.2))
    assert report.ok and report.hangup_by == "caller"
    said, heard = report.analysis.caller, report.analysis.service
    assert len(said) == len(heard) == 2
    for utterance, echo in zip(said, heard, strict=True):
        assert utterance.end - utterance.start == pytest.approx(0.6, abs=0.02)
        assert 0.02 <= round(echo.start - utterance.start, 3) <= 0.08  # 1.805 - 1.785 is less than 0.02
        assert echo.end - echo.start == pytest.approx(0.6, abs=0.03)
    assert silent_gaps(report.service, heard) == []
    legs, rate = read_channels(record)
    assert rate == RATE and len(legs) == 2 and len(legs[0]) == len(legs[1])
    assert len(legs[0]) / 2 / rate == pytest.approx(report.duration_s, abs=0.001)
    assert speech(legs[0]) == said and speech(legs[1]) == heard


async def test_the_service_speaks_and_hangs_up(exchange: Exchange) -> None:
    events: list[dict[str, object]] = []
    report = await exchange.phone.call(CallSpec(exchange.to("twice")), events.append)
    assert report.hangup_by == "service" and report.analysis.turns == ()
    first, second = report.analysis.service
    assert first.start < 0.15
    assert first.end - first.start == pytest.approx(0.8, abs=0.04)
    assert second.start - first.end == pytest.approx(1.5, abs=0.06)
    assert report.duration_s - second.end == pytest.approx(0.5, abs=0.08)
    assert [event["event"] for event in events] == [
        "answered",
        *("service_speech_start", "service_speech_end") * 2,
        *("hangup", "summary"),
    ]
    assert events[-1]["greeting_s"] == report.analysis.greeting_s == first.start
    assert len(report.call_id) > 10


async def test_say_waits_until_the_service_is_quiet(exchange: Exchange, word: Path) -> None:
    spec = CallSpec(exchange.to("twice"), (Say(word),), quiet_s=0.4)
    report = await exchange.phone.call(spec)
    (said,) = report.analysis.caller
    first, second = report.analysis.service
    assert 0.39 <= said.start - first.end <= 0.8
    (turn,) = report.analysis.turns
    assert turn.mouth_to_ear_s == pytest.approx(second.start - said.end, abs=0.002)


async def test_the_second_say_waits_for_an_answer_to_the_first(exchange: Exchange, word: Path) -> None:
    steps = (Say(word), Say(word), HangUp())
    report = await exchange.phone.call(CallSpec(exchange.to("twice"), steps, quiet_s=0.2))
    said, heard = report.analysis.caller, report.analysis.service
    assert len(said) == 2 and said[1].start > heard[1].end


async def test_interrupt_speaks_into_the_service(exchange: Exchange, word: Path) -> None:
    steps = (Interrupt(word), HangUp())
    report = await exchange.phone.call(CallSpec(exchange.to("long"), steps, barge_s=0.5))
    (said,) = report.analysis.caller
    assert report.analysis.service[0].start < said.start < report.analysis.service[0].end
    assert said.start - report.analysis.service[0].start == pytest.approx(0.7, abs=0.2)


async def test_keys_arrive_as_pressed(exchange: Exchange) -> None:
    report = await exchange.phone.call(CallSpec(exchange.to("keys"), (Digits("157"),)))
    assert report.hangup_by == "service"
    assert "KEYS=157" in await exchange.asterisk.command("dialplan show globals")


async def test_the_number_shown(exchange: Exchange) -> None:
    await exchange.phone.call(CallSpec(exchange.to("who"), caller_id="+33145678901"))
    assert "WHO=+33145678901" in await exchange.asterisk.command("dialplan show globals")


async def test_after_its_longest_time_the_caller_hangs_up(exchange: Exchange) -> None:
    report = await exchange.phone.call(CallSpec(exchange.to("silent"), max_s=0.8))
    assert report.ok and report.hangup_by == "caller"
    assert report.duration_s == pytest.approx(0.8, abs=0.2)
    assert report.analysis.greeting_s is None


@pytest.mark.parametrize(("extension", "why"), [("busy", "busy"), ("refuse", "refused")])
async def test_not_answered(exchange: Exchange, extension: str, why: str) -> None:
    events: list[dict[str, object]] = []
    report = await exchange.phone.call(CallSpec(exchange.to(extension)), events.append)
    assert (report.ok, report.hangup_by, report.failure) == (False, "nobody", why)
    assert events == []


async def test_nobody_there(exchange: Exchange) -> None:
    async with asyncio.timeout(10):
        report = await exchange.phone.call(CallSpec("sip:127.0.0.1:9", ring_s=1))
    assert not report.ok and report.failure


async def test_ten_calls_at_once_leave_nothing_behind(exchange: Exchange, word: Path, tmp_path: Path) -> None:
    steps = (Wait(0.5), Say(word), Wait(0.6), HangUp())
    specs = [
        CallSpec(exchange.to("echo"), steps, patience_s=0.2, record=tmp_path / f"{n}.wav") for n in range(10)
    ]
    reports = await asyncio.gather(*(exchange.phone.call(spec) for spec in specs))
    for report in reports:
        (said,), (heard,) = report.analysis.caller, report.analysis.service
        assert -0.06 <= heard.start - said.start <= 0.15  # on a loaded machine frames come in bursts
        # and may split the word, but nothing of it is missing or repeated
        assert sounds_between(report.service, 0, report.duration_s) == pytest.approx(0.6, abs=0.05)
    assert len({report.call_id for report in reports}) == 10
    assert await exchange.phone.ari.channels() == () and await exchange.phone.ari.bridges() == {}
    assert exchange.phone.link._open == {}
    assert "0 active channels" in await exchange.asterisk.command("core show channels")


async def test_a_recording_at_the_telephones_own_rate(exchange: Exchange, tmp_path: Path) -> None:
    record = tmp_path / "narrow.wav"
    await exchange.phone.call(CallSpec(exchange.to("twice"), record=record, rate=PHONE_RATE))
    legs, rate = read_channels(record)
    assert rate == PHONE_RATE and len(speech(legs[1], rate)) == 2


async def test_when_the_other_side_dies_the_call_ends(exchange: Exchange) -> None:
    """A killed Asterisk sends no BYE, so the caller would hang up; here the channel is dropped."""
    calling = asyncio.create_task(exchange.phone.call(CallSpec(exchange.to("silent"))))
    for _ in itertools.count():
        if "silent@inbound" in await exchange.asterisk.command("core show channels"):
            break
    await exchange.asterisk.command("channel request hangup all")
    async with asyncio.timeout(5):
        assert (await calling).hangup_by == "service"


async def test_when_our_own_asterisk_dies_the_report_says_so(exchange: Exchange, settings: Settings) -> None:
    service = dataclasses.replace(settings, sip_port=exchange.port)
    async with Softphone(service) as phone:
        answered = asyncio.Event()
        call = phone.call(CallSpec(exchange.to("silent")), lambda event: answered.set())
        calling = asyncio.create_task(call)
        async with asyncio.timeout(10):
            await answered.wait()
            await phone._asterisk.kill()
            report = await calling
    assert not report.ok and "cut" in report.failure


def test_addresses() -> None:
    assert address("sip:127.0.0.1:5060") == "sip:accueil@127.0.0.1:5060"
    assert address("sip:anna@host") == "sip:anna@host"
    for wrong in ("", "sip:", "127.0.0.1", "tel:+33"):
        with pytest.raises(UsageError):
            address(wrong)
