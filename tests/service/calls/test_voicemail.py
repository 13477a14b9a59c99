"""Leaving a message: what is said, the beep, the review, and what stays of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from rapidfuzz import fuzz

from ivr.core import events
from ivr.core.audio import read_audio, through_g711
from ivr.core.text import normalise
from tests.service.calls import sounds, words
from tests.service.calls.caller import Record
from tests.service.calls.running_service import HEARD, RunningService
from tests.service.calls.words import FRENCH, SPANISH

pytestmark = pytest.mark.asterisk

BEEP_AFTER_S = 1.0


async def beeps_at_once(record: Record, count: int) -> None:
    """Each beep follows the last word before it within a second."""
    found = await sounds.beeps(record.heard)
    assert len(found) == count, found
    for start, _ in found:
        last = sounds.last_sound(record.heard, start - 0.03)
        assert last is not None and start - last < BEEP_AFTER_S


@pytest.mark.side_by_side(early=True)
async def test_a_message_is_listened_to_recorded_again_and_sent(
    service: RunningService, tmp_path_factory: pytest.TempPathFactory
) -> None:
    second = words.AGAIN_ES
    async with service.call("es", SPANISH.prefix) as caller:
        await caller.press(SPANISH.key)
        await caller.ask(words.LEAVE_MESSAGE_ES)
        await caller.until_beep()
        parts = await caller.words(words.MESSAGE_ES), await caller.words(second)
        long = sounds.with_pause(parts[0], parts[1], 1.0)
        await caller.speak(long)
        await caller.press("#")
        await caller.listen(1.0)
        await caller.press("1")
        played_from = caller.acted
        await caller.hears_out()
        played_to = caller.now
        await caller.press("2")
        await caller.until_beep()
        await caller.speak(parts[1])
        await caller.press("#")
        await caller.listen(1.0)
        await caller.press("3")
        await caller.until_prompt("anything_else", "es")
    record = await caller.record()
    own_words = through_g711(long)
    assert await sounds.share_of(own_words, sounds.cut(record.heard, played_from, played_to)) > 0.8
    await beeps_at_once(record, 2)
    # of its four pieces one may hold a late frame
    assert await service.share(record.prompt("voicemail_sent"), record) > HEARD
    assert record.row.outcome == "message"
    (message,) = await service.store.transcribed(caller.number)
    assert (message.lang, message.call_id, message.why) == ("es", record.row.id, "sent")
    out = service.settings.state / "message.wav"
    await is_listed(service, caller.number, second, out)
    assert await sounds.share_of(through_g711(parts[1]), read_audio(out)) > 0.8
    assert await sounds.share_of(through_g711(parts[0]), read_audio(out), sounds.LONG_S) < 0.3


async def is_listed(service: RunningService, number: str, text: str, out: Path) -> None:
    """`ivr voicemails` shows the message with its words, and writes it out."""
    (row,) = [row for row in await service.rows("voicemails") if row["number"] == number]
    assert fuzz.ratio(normalise(row["transcript"]), normalise(text)) > 60, row["transcript"]
    await service.command("voicemails", "play", row["id"], "--out", str(out))


@pytest.mark.side_by_side(lane="night")
async def test_after_hours_who_is_not_understood_twice_leaves_a_message(night: RunningService) -> None:
    async with night.call("fr", FRENCH.prefix) as caller:
        await caller.press(FRENCH.key)
        await caller.ask(words.NONSENSE_FR[0])
        await caller.until_prompt("reprompt_examples", "fr")
        await caller.speak(await caller.words(words.NONSENSE_FR[1]))
        await caller.until_prompt("voicemail_intro", "fr")
        await caller.until_beep()
        await caller.speak(await caller.words(FRENCH.question))
        await caller.until_prompt("voicemail_review", "fr")  # silence has ended the message
        await caller.hang_up()
    record = await caller.record()
    opening = ("welcome", "introduction", "recording_notice", "how_can_i_help")
    after = [key for key in record.prompts if key not in opening]
    assert after == ["not_understood", "reprompt_examples", "closed", "voicemail_intro", "voicemail_review"]
    decisions = [decided.decision for decided in record.all(events.Decided)]
    assert decisions == ["reprompt", "handoff"]
    assert await night.share(record.prompt("closed"), record) > HEARD
    await beeps_at_once(record, 1)
    (message,) = await night.store.transcribed(caller.number)
    assert (message.lang, message.call_id) == ("fr", record.row.id)
    assert "tour" in normalise(message.transcript)
