"""The collector moves what calls leave behind, after any crash, and never while the call goes on."""

from __future__ import annotations

import asyncio
import fcntl
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from ivr.core import events
from ivr.core.audio import PHONE_RATE, wav_bytes
from ivr.core.errors import RecogniserError
from ivr.core.periodic import EVERY_S
from ivr.service.collector import GRACE_S
from ivr.service.transcriber import MOST_S, TRIES
from ivr.store import tables
from ivr.store.states import TranscriptState
from tests.call.audio.listener_peers import speech
from tests.service.collecting import STARTED, Round, instance
from tests.store.spool import FALLBACK_NOTE, tiny_disk, tone, wav

pytestmark = pytest.mark.virtual_time(sockets=True)


async def test_a_message_is_stored_and_then_transcribed(tmp_path: Path) -> None:
    async with instance(tmp_path) as here:
        here.happened("c1", STARTED)
        here.spool.record(wav_bytes(speech("please call me back tomorrow")))
        await here.go(2)
        [message] = here.messages()
        assert (message.call_id, message.transcript) == ("c1", "please call me back tomorrow")
        assert here.recogniser.offered == [(("fr",), "")]


async def test_urgent_words_of_a_message_are_found(tmp_path: Path) -> None:
    async with instance(tmp_path) as here:
        here.happened("c1", STARTED)
        here.spool.record(wav_bytes(speech("j'ai perdu mon passeport, urgent, urgent")))
        await here.go(2)
        [message] = here.messages()
        assert message.urgency == "passeport, urgent"


async def test_a_long_message_is_transcribed_to_its_end(tmp_path: Path) -> None:
    """In pieces, which hold up callers for less than all of it would."""
    words = " ".join(f"word{number}" for number in range(250))
    async with instance(tmp_path) as here:
        here.spool.record(wav_bytes(speech(words)))
        await here.go(2)
        said = here.messages()[0].transcript.split()
        assert max(here.recogniser.fed) <= MOST_S and list(dict.fromkeys(said)) == words.split()


async def test_a_message_is_not_listened_to_while_callers_wait_for_their_words(tmp_path: Path) -> None:
    async with instance(tmp_path) as here:
        here.recogniser.unasked.clear()
        here.spool.record(wav_bytes(speech("please call me back tomorrow")))
        going = asyncio.create_task(here.go(2))
        await asyncio.sleep(60.0)
        assert here.messages() and not here.recogniser.decoded
        here.recogniser.unasked.set()
        await going
        assert here.messages()[0].transcript == "please call me back tomorrow"


async def transcribing(here: Round, rounds: int = 100) -> None:
    """Work as the service does, for ``rounds`` rounds."""
    for _ in range(rounds):
        await here.go()
        await asyncio.sleep(EVERY_S)


async def test_a_message_that_cannot_be_recognised_is_tried_five_times_and_told_of_as_such(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with instance(tmp_path) as here:
        here.recogniser.fails = True
        here.spool.record(wav(3.0))
        await transcribing(here)
        assert [(row.transcript, row.transcribed) for row in here.messages()] == [
            ("", TranscriptState.NOT_POSSIBLE)
        ]
        assert len(here.recogniser.decoded) == TRIES and caplog.text.count("ALARM") == 1


@pytest.mark.parametrize(
    "error", [RecogniserError("it died"), OSError(24, "Too many open files"), KeyError("x")]
)
async def test_a_recogniser_that_fails_for_a_while_costs_no_transcript(
    tmp_path: Path, error: Exception
) -> None:
    async with instance(tmp_path) as here:
        here.recogniser.fails, here.recogniser.error = True, error
        here.spool.record(wav_bytes(speech("please call me back tomorrow")))
        await transcribing(here, 8)
        here.recogniser.fails = False
        await transcribing(here, 20)
        [message] = here.messages()
        assert message.transcript == "please call me back tomorrow"
        assert message.transcribed == TranscriptState.READY


async def test_a_sound_that_cannot_be_read_for_a_while_costs_no_transcript(tmp_path: Path) -> None:
    async with instance(tmp_path) as here:
        here.spool.record(wav_bytes(speech("please call me back tomorrow")))
        await here.collector.once()
        here.journal.drain()
        sound = here.spool.settings.state / here.messages()[0].file
        sound.rename(sound.with_suffix(".away"))
        await transcribing(here, 5)
        sound.with_suffix(".away").rename(sound)
        await transcribing(here, 20)
        assert here.messages()[0].transcript == "please call me back tomorrow"


async def test_urgent_words_before_the_failure_count(tmp_path: Path) -> None:
    words = "urgent passeport " + " ".join(f"word{number}" for number in range(60))
    async with instance(tmp_path) as here:
        decode = here.recogniser.decoded

        class Dying(list[tuple[str, bool]]):
            """Breaks the recogniser at the second piece of each try."""

            def append(self, item: tuple[str, bool]) -> None:
                here.recogniser.fails = "urgent" not in item[0]
                super().append(item)

        here.recogniser.decoded = Dying(decode)
        here.spool.record(wav_bytes(speech(words)))
        await transcribing(here)
        [message] = here.messages()
        assert message.urgency and message.transcript.startswith("urgent passeport")
        assert message.transcribed == TranscriptState.NOT_POSSIBLE


async def test_a_message_that_always_fails_holds_up_no_other(tmp_path: Path) -> None:
    async with instance(tmp_path) as here:
        here.spool.record(b"RIFF" + bytes(60))  # set aside
        here.spool.record(wav(3.0), "c2")
        await here.collector.once()
        here.journal.drain()
        (here.spool.settings.state / here.messages()[0].file).write_bytes(b"torn by a power failure")
        here.spool.record(wav_bytes(speech("please call me back tomorrow")), "c3")
        await transcribing(here)
        assert [row.transcript for row in here.messages()] == ["", "please call me back tomorrow"]


async def test_messages_are_collected_behind_a_recogniser_that_hangs(tmp_path: Path) -> None:
    async with instance(tmp_path) as here:
        here.recogniser.delay_s = 1e9
        here.spool.record(wav(3.0))
        await here.go(2)
        here.spool.record(wav(4.0), "c2")
        await here.go(2)
        assert [row.seconds for row in here.messages()] == pytest.approx([3.0, 4.0], abs=0.01)


async def test_a_message_of_the_fallback_becomes_a_call_of_its_own(tmp_path: Path) -> None:
    async with instance(tmp_path) as here:
        here.spool.leave_at_fallback(wav(4.0), note=FALLBACK_NOTE.replace('"es"', '""'))
        await here.go(2)
        [message] = here.messages()
        assert message.number == "+34912345678" and message.call_id == "fake-1795510790.7"
        assert here.recogniser.offered[0][0] == ("de", "en", "es", "fr", "it"), "in whatever language"


async def test_nothing_is_taken_from_a_call_that_goes_on(tmp_path: Path) -> None:
    async with instance(tmp_path) as here:
        caller = here.fake.ring()
        here.happened(caller.id, STARTED)
        here.spool.record(wav(3.0), caller.id)
        await here.go(3)
        assert here.messages() == [] and here.call(caller.id).outcome == ""
        here.fake.hang_up(caller)
        await here.go(2)
        assert len(here.messages()) == 1


async def test_nothing_is_taken_while_asterisk_does_not_answer(tmp_path: Path) -> None:
    async with instance(tmp_path) as here:
        here.fake.failing = 503
        here.spool.record(wav(3.0))
        await here.go(2)
        assert here.messages() == [] and len(here.spool.left()) == 2


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        ([STARTED], "fallback"),
        ([STARTED, events.HandOff("desk")], "person"),
        ([STARTED, events.MessageLeft("m", "m.wav", "fr", "", 3.0, "sent")], "message"),
    ],
)
async def test_a_call_that_nobody_saw_end_is_ended(
    tmp_path: Path, story: list[events.Event], outcome: str
) -> None:
    async with instance(tmp_path) as here:
        here.happened("c1", *story)
        await here.go()
        await asyncio.sleep(GRACE_S)
        await here.go()
        assert (here.call("c1").outcome, here.call("c1").ended_by) == (outcome, "dialplan")


async def test_a_call_whose_own_ending_may_be_on_its_way_is_given_time(tmp_path: Path) -> None:
    async with instance(tmp_path) as here:
        here.happened("c1", STARTED)  # a minute ago: what is said for long is noted when it has been said
        await here.go()
        await asyncio.sleep(GRACE_S - 0.1)
        await here.go()
        assert here.call("c1").outcome == ""
        here.happened("c1", events.CallFinished("answered", "service", 60.0), first=events.Sequence().next())
        await asyncio.sleep(GRACE_S)
        await here.go(2)
        assert (here.call("c1").outcome, here.call("c1").ended_by) == ("answered", "service")


async def test_a_call_that_begins_during_a_round_goes_on(tmp_path: Path) -> None:
    async with instance(tmp_path) as here:
        caller = here.fake.ring()
        del here.fake.channels[caller.id]
        # its first event is old at the time of this round: a round may take long, and so may an answer
        here.fake.meanwhile.append(lambda: here.happened(caller.id, STARTED))
        await here.go()
        here.fake.channels[caller.id] = caller
        await asyncio.sleep(GRACE_S)
        await here.go()
        assert here.call(caller.id).outcome == ""


async def test_recordings_are_joined_and_noted(tmp_path: Path) -> None:
    async with instance(tmp_path) as here:
        here.happened("c1", STARTED)
        for side in ("in", "out"):
            (here.spool.monitor / f"c1-{side}.wav16").write_bytes(wav(2.0))
        await here.go()
        file = here.call("c1").recording
        assert (here.spool.settings.state / file).stat().st_size > 10_000


async def test_a_recording_is_measured_once_its_call_is_over(tmp_path: Path) -> None:
    """The question ends at 2.5 s and the answer begins at 3.3 s; the file is removed before a second round."""
    asked = events.Heard("quoi", "fr", 0.9, "whisper", 1.0, 2.6, 0.4)
    answer = events.Said("eiffel.price", "Vingt euros.", "fr", 3.28, 2.0, 2.0, False)
    silence = {"in": (1.0, 1.5, 3.0), "out": (3.3, 2.0, 0.2)}
    async with instance(tmp_path) as here:
        caller = here.fake.ring()
        here.happened(caller.id, STARTED, asked, answer)
        for side, (before, sound, after) in silence.items():
            quiet = [bytes(2 * round(PHONE_RATE * length)) for length in (before, after)]
            (here.spool.monitor / f"{caller.id}-{side}.wav16").write_bytes(
                wav_bytes(quiet[0] + tone(sound) + quiet[1], PHONE_RATE)
            )
        await here.go(2)
        assert here.measured(caller.id) == []
        here.fake.hang_up(caller)
        await here.go()
        await asyncio.sleep(GRACE_S)
        await here.go(2)
        turn, mark = here.measured(caller.id)
        assert isinstance(turn, events.MouthToEar) and turn.seconds == pytest.approx(0.8, abs=0.02)
        assert isinstance(mark, events.RecordingMeasured) and mark.answers == 1
        assert mark.greeting_s == pytest.approx(3.3, abs=0.02)
        await here.go(3)
        assert len(here.measured(caller.id)) == 2


async def test_a_recording_that_cannot_be_read_is_not_tried_for_ever(tmp_path: Path) -> None:
    async with instance(tmp_path) as here:
        here.happened("c1", STARTED, events.RecordingKept("recordings/gone.wav", 3.0))
        here.happened("c1", events.CallFinished("answered", "caller", 3.0))
        await here.go(3)
        assert here.measured("c1") == [events.RecordingMeasured(0, -1.0)]


async def test_two_workers_do_not_collect_at_the_same_time(tmp_path: Path) -> None:
    async with instance(tmp_path) as here:
        here.spool.record(wav(3.0))
        with (here.spool.settings.state / "collector.lock").open("w") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            await here.go()
            assert here.messages() == []
        await here.go()
        assert len(here.messages()) == 1


async def test_a_disk_that_takes_nothing_is_an_alarm_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with instance(tmp_path) as here:
        for call_id in ("fake-1795510790.7", "fake-1795510790.8"):
            here.spool.leave_at_fallback(wav(3.0), call_id)
        with tiny_disk(here.spool.pending.kept):
            await here.go(3)
            assert caplog.text.count("ALARM") == 2, "one for each message"
            assert here.messages() == [] and len(here.spool.left()) == 4
        await here.go()
        assert len(here.messages()) == 2


async def test_an_idle_service_keeps_its_connections_to_the_store(tmp_path: Path) -> None:
    async with instance(tmp_path) as here:
        await here.go()
        opened: list[object] = []
        sa.event.listen(here.store.engine, "connect", lambda connection, record: opened.append(connection))
        await here.go(5)
        assert opened == []


async def test_what_was_published_is_noted_once(tmp_path: Path) -> None:
    async with instance(tmp_path) as here:
        folder = here.spool.settings.state / "generations/7"
        folder.mkdir(parents=True)
        told = {"number": 7, "at": 1795302000.0, "note": "new prices", "facts": {"right": 0.93}}
        (folder / "manifest.json").write_text(json.dumps(told))
        await here.go(2)
        with here.store.connect() as connection:
            [row] = connection.execute(sa.select(tables.generations)).mappings()
        assert dict(row) == {**told, "instance": "fake", "facts": '{"right": 0.93}'}


async def test_a_round_that_fails_unforeseen_does_not_end_the_calls(tmp_path: Path) -> None:
    async with instance(tmp_path) as here:
        here.spool.record(wav_bytes(speech("please call me back tomorrow")))
        here.recogniser.fails, here.recogniser.error = True, ZeroDivisionError("nobody thought of that")
        await here.collector.once()
        here.journal.drain()
        transcribing = asyncio.create_task(here.transcriber.run())
        await asyncio.sleep(3 * EVERY_S)
        assert not transcribing.done() and here.recogniser.decoded
        here.recogniser.fails = False
        await asyncio.sleep(10 * EVERY_S)
        here.journal.drain()
        assert here.messages()[0].transcript == "please call me back tomorrow"
        transcribing.cancel()
