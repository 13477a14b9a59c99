"""The command line of `ivr call`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from ivr.core.errors import UsageError
from ivr.core.settings import Settings
from ivr.simulator import command
from ivr.simulator.scenario import CallSpec, Digits, HangUp, Interrupt, Say, Wait
from tests.simulator.conftest import Exchange


def parse(settings: Settings, *args: str, to: str = "") -> CallSpec:
    return command.spec(args, to=to, settings=settings, record=None, max_s=9.0, caller_id="")


def test_steps_stay_in_their_order(settings: Settings, tmp_path: Path) -> None:
    wav = tmp_path / "q.wav"
    wav.touch()
    words = f"--digits 2# --say {wav} --wait 1.5 --interrupt {wav} --quiet 1 --hangup".split()
    found = parse(settings, *words)
    assert found.steps == (Digits("2#"), Say(wav), Wait(1.5), Interrupt(wav), HangUp())
    assert (found.quiet_s, found.max_s, found.to) == (1.0, 9.0, f"sip:127.0.0.1:{settings.sip_port}")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--sing"], "--sing"),
        (["--digits"], "keys"),
        (["--digits", "2x"], "2x"),
        (["--say", "/no/such.wav"], "/no/such.wav"),
        (["--say"], "no such file"),
        (["--wait", "long"], "seconds"),
    ],
)
def test_wrong_words_are_named(settings: Settings, words: list[str], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        parse(settings, *words)


def test_a_wrong_address_is_named(settings: Settings) -> None:
    with pytest.raises(UsageError, match="tel:1"):
        parse(settings, to="tel:1")


@pytest.mark.parametrize(("user", "file"), [("anna", None), ("", Path("x")), ("anna", Path("/no/such"))])
async def test_credentials_come_in_pairs(settings: Settings, user: str, file: Path | None) -> None:
    with pytest.raises(UsageError):
        await command.run(settings, parse(settings), user=user, password_file=file, as_json=True)


@pytest.mark.asterisk
async def test_a_call_as_json_lines(
    exchange: Exchange, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    password = tmp_path / "password"
    password.write_text(settings.secrets["SOFTPHONE_PASSWORD"] + "\n")
    spec = parse(settings, "--hangup", to=exchange.to("twice"))
    async with asyncio.timeout(30):
        code = await command.run(settings, spec, user="softphone", password_file=password, as_json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 0
    assert [line["event"] for line in lines][:: len(lines) - 1] == ["answered", "summary"]
    assert lines[-1]["hangup_by"] == "caller" and lines[-1]["ok"] is True


@pytest.mark.asterisk
async def test_an_unanswered_call_fails_in_one_line(
    exchange: Exchange, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await command.run(
        settings, parse(settings, to=exchange.to("busy")), user="", password_file=None, as_json=True
    )
    out, err = capsys.readouterr()
    assert code == 1 and json.loads(out)["ok"] is False
    assert err == f"{exchange.to('busy')} was not answered: busy\n"
