"""From a caller's words to the staff: the inbox, the mails, the webhook, and a console that dies."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from pathlib import Path

import httpx
import pytest
from rapidfuzz import fuzz

from ivr.console.jobs.webhook import SIGNATURE, verify
from ivr.core.audio import read_audio, through_g711
from ivr.core.text import normalise
from ivr.speech.stt import Recogniser
from tests.console.jobs.test_deliveries import root_with
from tests.console.peers import hook, postbox
from tests.console.running_console import until_up
from tests.service.calls import sounds, words
from tests.service.calls.running_service import NewSettings, RunningService, open_service
from tests.service.calls.store import until
from tests.service.calls.words import ENGLISH

pytestmark = pytest.mark.asterisk

NOTIFY = """  mail:
    host: localhost
    port: {port}
    security: none
    sender: line@example.org
    recipients: [desk@example.org]
    urgent: [head@example.org]
  webhook: {url}
"""


async def leave_message(service: RunningService, text: str) -> tuple[str, bytes]:
    """A caller leaves a message and hangs up; returns the number and the words."""
    async with service.call("en", ENGLISH.prefix) as caller:
        await caller.press(ENGLISH.key)
        await caller.ask(words.LEAVE_MESSAGE_EN)
        await caller.until_beep()
        said = await caller.words(text)
        await caller.speak(said)
        await caller.press("#")
        await caller.listen(1.0)
        await caller.hang_up()
    return caller.number, said


async def test_an_urgent_message_is_in_the_inbox_and_two_people_are_told(
    settled: NewSettings, ears: Recogniser, tmp_path: Path
) -> None:
    with postbox("later") as box:
        async with hook() as served:
            root = root_with(tmp_path / "root", NOTIFY.format(port=box.port, url=served.url))
            settings = dataclasses.replace(settled(), root=root)
            async with open_service(settings, ears) as service:
                number, said = await leave_message(service, words.URGENT_EN)

                async def everybody() -> bool:
                    return len(box.mails) == 2 and len(served.posted) == 1

                await until(everybody, "nobody was told", 60.0)
                async with httpx.AsyncClient(
                    base_url=f"http://127.0.0.1:{settings.console_port}",
                    headers={"Authorization": f"Bearer {settings.secrets['CONSOLE_TOKEN']}"},
                ) as desk:
                    message = (await desk.get("/messages?state=new&urgent=true")).json()["messages"][0]
                    assert (message["number"], message["lang"]) == (number, "en")
                    assert "passport" in message["urgency"] and message["transcript"]["automatic"] is True
                    text = normalise(message["transcript"]["text"])
                    assert fuzz.ratio(text, normalise(words.URGENT_EN)) > 60, text
                    sound = await desk.get(f"/messages/{message['id']}/sound")
                    await is_told(box.mails[0], message, sound.content, said, tmp_path)
                    assert sorted(box.to) == ["desk@example.org", "head@example.org"]
                    posted = served.posted[0]
                    secret = settings.secrets["WEBHOOK_SECRET"]
                    assert verify(secret, posted.body, posted.headers[SIGNATURE.lower()], time.time())
                    assert posted.content["message"]["id"] == message["id"]
                    await is_answered_once(service, desk, message["id"])
                    await comes_back(service, desk)


async def is_told(mail, message, sound: bytes, said: bytes, folder: Path) -> None:  # type: ignore[no-untyped-def]
    """The mail has the message's words and its sound, and that is what the caller said."""
    assert mail["Subject"].startswith("URGENT (") and message["number"] in mail.get_body().get_content()
    (attached,) = mail.iter_attachments()
    assert attached.get_content() == sound
    file = folder / "heard.wav"
    file.write_bytes(sound)
    assert await sounds.share_of(through_g711(said), read_audio(file)) > 0.8


async def is_answered_once(service: RunningService, desk: httpx.AsyncClient, id: str) -> None:
    """Who takes it on the web is seen on the command line, and keeps it."""
    assert (await desk.post(f"/messages/{id}/take", json={"by": "Ana"})).status_code == 200
    with pytest.raises(AssertionError, match="Ana has taken it"):
        await service.command("voicemails", "take", id, "--by", "Ben")
    await service.command("voicemails", "answer", id, "--by", "Ana", "--note", "called back")
    (row,) = await service.rows("voicemails", "list", "--state", "answered")
    assert (row["id"], row["owner"]) == (id, "Ana")


async def comes_back(service: RunningService, desk: httpx.AsyncClient) -> None:
    """A console and a collector that are killed are started again; the worker and its calls know nothing of it."""
    worker = service.supervisor.worker_pid
    for pid in (service.supervisor.console_pid, service.supervisor.collector_pid):
        os.kill(pid, signal.SIGKILL)
    async with service.call("en", ENGLISH.prefix) as caller:
        await caller.press(ENGLISH.key)
        await caller.until_prompt("how_can_i_help", "en")
        await caller.hang_up()
    await until_up(desk)
    await service.store.finished(caller.number)  # with its recording
    assert service.supervisor.worker_pid == worker
