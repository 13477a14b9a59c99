"""The lightweight line: its captured audio is the call, and it behaves like the full line."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ivr.core.errors import SetupError
from ivr.simulator.rtp_capture import Capture
from ivr.simulator.scenario import CallReport, CallSpec, Digits, HangUp, Interrupt, Say, Wait
from ivr.simulator.softphone import measure_calls
from tests.simulator.conftest import Exchange

pytestmark = pytest.mark.asterisk


async def call(exchange: Exchange, spec: CallSpec, folder: Path) -> CallReport:
    async with exchange.phone.capture(folder / "rtp") as capture:
        placed = [await exchange.phone.place(spec)]
    (report,) = measure_calls(placed, capture)
    return report


async def test_an_echo_comes_back_in_step(exchange: Exchange, word: Path, tmp_path: Path) -> None:
    steps = (Wait(0.3), Say(word), Wait(0.7), Say(word), Wait(0.7), HangUp())
    report = await call(exchange, CallSpec(exchange.to("echo"), steps, patience_s=0.2), tmp_path)
    assert report.ok and report.hangup_by == "caller" and len(report.call_id) > 10
    said, heard = report.analysis.caller, report.analysis.service
    assert len(said) == len(heard) == 2
    for utterance, echo in zip(said, heard, strict=True):
        assert utterance.end - utterance.start == pytest.approx(0.6, abs=0.02)
        assert 0.02 <= round(echo.start - utterance.start, 3) <= 0.08  # 1.805 - 1.785 is less than 0.02
        assert echo.end - echo.start == pytest.approx(0.6, abs=0.03)
    assert report.gaps == ()


async def test_say_waits_until_the_service_is_quiet(exchange: Exchange, word: Path, tmp_path: Path) -> None:
    spec = CallSpec(exchange.to("pause"), (Say(word),), quiet_s=0.4)
    report = await call(exchange, spec, tmp_path)
    assert report.hangup_by == "service"
    (said,) = report.analysis.caller
    first, second = report.analysis.service
    assert first.end - first.start == pytest.approx(0.8, abs=0.04)
    assert 0.35 <= said.start - first.end <= 0.8
    assert second.start - first.end == pytest.approx(1.5, abs=0.06)


async def test_interrupt_speaks_into_the_service(exchange: Exchange, word: Path, tmp_path: Path) -> None:
    spec = CallSpec(exchange.to("long"), (Interrupt(word), HangUp()), barge_s=1.0)
    report = await call(exchange, spec, tmp_path)
    (said,) = report.analysis.caller
    assert 1.0 <= said.start <= 1.6


async def test_keys_arrive_as_pressed(exchange: Exchange, tmp_path: Path) -> None:
    report = await call(exchange, CallSpec(exchange.to("keys"), (Digits("407"),)), tmp_path)
    assert report.hangup_by == "service"
    assert "407" in await exchange.asterisk.command("dialplan show globals")


@pytest.mark.parametrize("extension, why", [("busy", "busy"), ("refuse", "refused")])
async def test_not_answered(exchange: Exchange, extension: str, why: str, tmp_path: Path) -> None:
    report = await call(exchange, CallSpec(exchange.to(extension)), tmp_path)
    assert not report.ok and report.hangup_by == "nobody" and why in report.failure


async def test_ten_at_once_are_told_apart(exchange: Exchange, word: Path, tmp_path: Path) -> None:
    specs = [
        CallSpec(exchange.to("echo"), (Wait(0.2 * n), Say(word), Wait(0.5), HangUp())) for n in range(10)
    ]
    async with exchange.phone.capture(tmp_path / "rtp") as capture:
        placed = await asyncio.gather(*(exchange.phone.place(spec) for spec in specs))
    reports = measure_calls(placed, capture)
    for number, report in enumerate(reports):
        (said,), (heard,) = report.analysis.caller, report.analysis.service
        assert heard.start > said.start >= 0.2 * number
    assert len({report.call_id for report in reports}) == 10


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "rtp").write_bytes(b"RIFF" * 10)
    with pytest.raises(SetupError, match="rtp: not written by tcpdump"):
        Capture(tmp_path / "rtp", 1, 2).audio_by_port()
