"""The real containers: up, a question answered, a message left, down, and up again with nothing lost.

``make test-compose`` runs this after tests/compose/run.sh has built the images.  The caller is a telephone on this
machine, outside the containers, and reaches them through their published ports.
"""

from __future__ import annotations

import asyncio
import dataclasses
import http.client
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from ivr.content.bundle import Content
from ivr.core.settings import Settings, load
from ivr.simulator.demo import nearest_answer, transcribe_answer
from ivr.simulator.scenario import CallReport, CallSpec, Digits, HangUp, Say, Wait
from ivr.simulator.softphone import Credentials, Softphone
from ivr.speech.caller_voices import caller_wav
from ivr.speech.engines import choose
from tests.conftest import ROOT
from tests.service.calls.words import ENGLISH, LEAVE_MESSAGE_EN, MESSAGE_EN

COMPOSE = os.environ.get("COMPOSE", "docker compose").split()
CONSOLE = f"http://127.0.0.1:{os.environ['CONSOLE_PORT']}"
SIP_PORT = int(os.environ["SIP_PORT"])
UP_S, READY_S, WRITTEN_S, CALL_S, PATIENCE_S = 1200.0, 300.0, 180.0, 200.0, 30.0
"""Longest waits on a busy machine: containers up, ready, a message stored, a call, a step of a call."""
STACK = Path(os.environ["STACK"])
"""A copy of the checkout with passwords of its own, in which the compose commands run."""
NO_CAPABILITY = "0000000000000000"
"""The effective set of capabilities in /proc/1/status."""


def compose(*words: str) -> str:
    """Run a compose command and return its output."""
    done = subprocess.run(
        [*COMPOSE, *words], cwd=STACK, capture_output=True, text=True, check=False, timeout=UP_S
    )
    assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def ready() -> dict[str, Any]:
    """The answer of /readyz; without parts while nothing answers."""
    try:
        with urllib.request.urlopen(f"{CONSOLE}/readyz", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as refused:
        found = json.load(refused)
    except (OSError, http.client.HTTPException):
        found = {"ready": False, "parts": {}}
    return found


def up() -> None:
    """Start all containers and wait until a call could be answered."""
    compose("up", "-d")
    deadline = time.monotonic() + READY_S
    while not ready()["ready"]:
        assert time.monotonic() < deadline, f"{ready()}\n{compose('ps')}"
        time.sleep(1)


def rows(*words: str) -> list[dict[str, Any]]:
    """The rows that an `ivr` command in the container lists."""
    return [json.loads(line) for line in compose("exec", "-T", "ivr", "ivr", *words, "--json").splitlines()]


def wait_for_message(*reasons: str) -> dict[str, Any]:
    """Wait for a transcribed message with one of these reasons; its row no longer changes: nobody is told of it."""
    deadline = time.monotonic() + WRITTEN_S
    while True:
        left = [row for row in rows("voicemails") if row["why"] in reasons]
        if found := [row for row in left if row["transcript"]]:
            break
        assert time.monotonic() < deadline, "no message was stored"
        time.sleep(1)
    assert "umbrella" in found[0]["transcript"]
    return found[0]


def endings() -> list[tuple[str, str, str]]:
    """Every call with its language and outcome."""
    return [(row["id"], row["lang"], row["outcome"]) for row in rows("calls")]


def wait_for_endings() -> list[tuple[str, str, str]]:
    """Wait until no call is in progress; returns the same rows."""
    deadline = time.monotonic() + WRITTEN_S
    while not (found := endings()) or not all(outcome for _, _, outcome in found):
        assert time.monotonic() < deadline, f"calls without an end: {found}"
        time.sleep(1)
    return found


@pytest.fixture(scope="module")
def stack() -> None:
    """The running containers; run.sh stops them and prints the logs of a failure."""
    up()


@pytest.fixture(scope="module")
def caller() -> Settings:
    """Settings of the calling telephone."""
    return dataclasses.replace(load(root=ROOT), sip_port=SIP_PORT, today=os.environ["IVR_TODAY"])


def place_call(caller: Settings, *steps: Any) -> CallReport:
    """Place one call from outside the containers, with their softphone's password."""
    lines = (STACK / "secrets/accueil.env").read_text("utf-8").splitlines()
    password = dict(line.split("=", 1) for line in lines)["SOFTPHONE_PASSWORD"]

    async def call() -> CallReport:
        async with Softphone(caller, credentials=Credentials("softphone", password)) as phone:
            to = f"sip:accueil@127.0.0.1:{SIP_PORT}"
            spec = CallSpec(to, tuple(steps), max_s=CALL_S, patience_s=PATIENCE_S, caller_id="+447700900123")
            return await phone.call(spec)

    report = asyncio.run(call())
    assert report.ok, report.failure
    return report


def answered_intent(caller: Settings, report: CallReport) -> str:
    """The intent of the first answer, from its transcript."""
    content = Content.load(caller)

    async def transcribe() -> str:
        recogniser = await asyncio.to_thread(choose, caller, ["en"], "whisper")
        try:
            return await transcribe_answer(recogniser, report, "en")
        finally:
            await recogniser.close()

    return nearest_answer(content, caller, "en", asyncio.run(transcribe()))


def test_everything_is_ready_and_nothing_more_is_allowed_than_needed(stack: None) -> None:
    assert set(ready()["parts"].values()) == {"ok"}
    for service in ("asterisk", "rasa", "ivr", "postgres"):
        status = compose("exec", "-T", service, "cat", "/proc/1/status")
        facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert facts["CapEff"] == NO_CAPABILITY and facts["NoNewPrivs"] == "1", service
        assert facts["Uid"].split()[0] != "0", service
        written = compose("exec", "-T", service, "sh", "-c", "touch /usr/x 2>/dev/null || echo refused")
        assert written == "refused\n", service


def test_nothing_is_published_beyond_this_machine(stack: None) -> None:
    listening = subprocess.run(["ss", "-Hlntu"], capture_output=True, text=True, check=True).stdout
    ours = {str(SIP_PORT), CONSOLE.rpartition(":")[2], os.environ["RTP_START"]}
    places = [line.split()[4].rpartition(":") for line in listening.splitlines()]
    assert {host for host, _, port in places if port in ours} == {"127.0.0.1"}
    assert ours <= {port for _, _, port in places}


def test_a_question_is_answered_and_a_message_stays_over_down_and_up(
    stack: None, caller: Settings, tmp_path: Path
) -> None:
    question, request, message, farewell = (
        Say(caller_wav("en", text, settings=caller))
        for text in (ENGLISH.question, LEAVE_MESSAGE_EN, MESSAGE_EN, ENGLISH.farewell)
    )
    report = place_call(caller, Digits("2"), question, request, message, Wait(1), HangUp())
    assert answered_intent(caller, report) == ENGLISH.intent
    left = wait_for_message("sent", "hang-up")
    calls = wait_for_endings()
    kept = tmp_path / "kept.tar"
    subprocess.run(["sh", "docker/backup.sh", str(kept)], cwd=STACK, check=True)

    compose("down")
    up()
    assert (rows("voicemails"), endings()) == ([left], calls)

    compose("down")
    delete_all_but_the_models()
    subprocess.run(["sh", "docker/restore.sh", str(kept)], cwd=STACK, check=True)
    up()
    assert (rows("voicemails"), endings()) == ([left], calls)
    compose("exec", "-T", "ivr", "ivr", "voicemails", "play", left["id"], "--out", "/tmp/message.wav")

    report = place_call(caller, Digits("2"), question, farewell, HangUp())
    assert answered_intent(caller, report) == ENGLISH.intent


def test_without_the_application_asterisk_takes_a_message_that_is_collected_later(
    stack: None, caller: Settings
) -> None:
    compose("stop", "ivr")
    place_call(caller, Say(caller_wav("en", MESSAGE_EN, settings=caller)), Wait(1), HangUp())
    up()
    left = wait_for_message("fallback")
    assert left["seconds"] > 5.0 and left["number"] == "+447700900123"


def delete_all_but_the_models() -> None:
    """Delete the volumes that set-up cannot recreate."""
    volumes = [f"{os.environ['COMPOSE_PROJECT_NAME']}_{name}" for name in ("state", "pbx", "database")]
    subprocess.run(["docker", "volume", "rm", *volumes], check=True, stdout=subprocess.DEVNULL)
