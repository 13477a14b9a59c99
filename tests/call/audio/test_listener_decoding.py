"""The listener and its recogniser: decoding begins before the turn ends, and may fail."""

from __future__ import annotations

import asyncio

import pytest

from ivr.call.audio.end_of_turn import EndOfTurnPolicy
from ivr.call.audio.listener import HANG_S
from ivr.call.audio.turn_detector import TurnLimits
from ivr.core.audio import silence
from ivr.core.errors import RecogniserError
from tests.call.audio.listener_peers import ListenerHarness, Reader, interpreter, speech, text

pytestmark = pytest.mark.virtual_time


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_decoding_hides_in_the_silence_that_ends_the_turn() -> None:
    harness = ListenerHarness(Reader(delay_s=0.4))
    sound = await harness.hears(speech("how much"), interpreter=interpreter("how much"))
    assert now() - sound.end_s == pytest.approx(EndOfTurnPolicy().complete_s, abs=0.04)


async def test_a_slow_decoder_is_waited_for() -> None:
    harness = ListenerHarness(Reader(delay_s=3.0))
    sound = await harness.hears(speech("how much"), interpreter=interpreter("how much"))
    assert text(sound) == "how much"
    assert now() - sound.end_s == pytest.approx(TurnLimits().pause_s + 3.0, abs=0.05)


async def test_an_early_result_is_thrown_away_when_the_caller_goes_on() -> None:
    harness = ListenerHarness()
    sound = await harness.hears(speech("how much is 0.5 the Louvre"))
    assert text(sound) == "how much is the Louvre"
    assert harness.recogniser.decoded == [("how much is", True), ("how much is the Louvre", True)]


async def test_an_early_decode_that_still_runs_is_stopped_when_the_caller_goes_on() -> None:
    harness = ListenerHarness(Reader(delay_s=0.6))
    sound = await harness.hears(speech("how much is 0.5 the Louvre"))
    assert text(sound) == "how much is the Louvre"
    assert harness.recogniser.decoded == [("how much is", False), ("how much is the Louvre", True)]


async def test_an_early_decode_that_fails_does_not_interrupt_a_caller_who_goes_on() -> None:
    reader = Reader(fails=True)
    with pytest.raises(RecogniserError):
        await ListenerHarness(reader).hears(speech("how much is 0.5 the Louvre"))
    assert [heard for heard, _ in reader.decoded] == ["how much is", "how much is the Louvre"]
    assert now() == pytest.approx(6 * 0.3 - 0.3 + 0.5 + EndOfTurnPolicy().incomplete_s, abs=0.1)


def twice(reads_again: str | None) -> ListenerHarness:
    """A listener with a second decode, which reads ``reads_again``."""
    harness = ListenerHarness(Reader(delay_s=0.2))
    harness.question, harness.recogniser.reads_again = True, reads_again
    return harness


async def test_what_is_not_understood_is_listened_to_again_within_the_pause() -> None:
    harness = twice("how much")
    sound = await harness.hears(speech("cow march"), interpreter=interpreter("how much"))
    assert text(sound) == "how much" and sound.decode_s == pytest.approx(0.2, abs=0.01)
    assert now() - sound.end_s == pytest.approx(EndOfTurnPolicy().complete_s, abs=0.04)


async def test_a_sentence_is_as_finished_as_its_first_decode_says() -> None:
    harness = twice("how much")
    harness.recogniser.finished = 0.99
    sound = await harness.hears(speech("cow march"), interpreter=interpreter("how much"))
    assert text(sound) == "how much"
    assert now() - sound.end_s == pytest.approx(EndOfTurnPolicy().quick_s, abs=0.04)


@pytest.mark.parametrize("reads_again", ["cow march", None])
async def test_what_is_no_better_the_second_time_stays_as_it_was_heard_first(reads_again: str | None) -> None:
    harness = twice(reads_again)
    sound = await harness.hears(speech("cow much"), interpreter=interpreter("how much"))
    assert text(sound) == "cow much" and harness.recogniser.listened_again == 1
    assert now() - sound.end_s == pytest.approx(EndOfTurnPolicy().incomplete_s, abs=0.04)


async def test_a_second_decode_never_lengthens_a_turn() -> None:
    harness = twice("how much")
    harness.recogniser.delay_s, harness.recogniser.again_s = 0.7, 1.4
    sound = await harness.hears(speech("cow march"), interpreter=interpreter("how much"))
    assert text(sound) == "cow march" and sound.decode_s == pytest.approx(0.7, abs=0.01)
    assert now() - sound.end_s == pytest.approx(EndOfTurnPolicy().incomplete_s, abs=0.04)
    (decode,) = sound.trace.decodes
    assert decode.once and str(decode).endswith("!")


async def test_what_is_understood_at_once_is_not_listened_to_again() -> None:
    harness = hasty("something else")
    assert text(await harness.hears(speech("how much"), interpreter=interpreter("how much"))) == "how much"
    assert not harness.recogniser.listened_again


async def test_a_second_listening_is_for_those_who_ask_for_it() -> None:
    harness = twice("how much")
    harness.question = False
    assert text(await harness.hears(speech("cow march"), interpreter=interpreter("how much"))) == "cow march"


async def test_a_second_listening_that_fails_costs_nothing() -> None:
    harness = twice("how much")
    harness.recogniser.fails_again = True
    assert text(await harness.hears(speech("cow march"), interpreter=interpreter("how much"))) == "cow march"


def hasty(reads_again: str | None = None) -> ListenerHarness:
    """A listener with a quick decode first."""
    harness = twice(reads_again)
    harness.recogniser.quick_s = 0.1
    return harness


async def test_a_quick_listening_is_enough_for_what_can_be_acted_on() -> None:
    harness = hasty()
    harness.recogniser.finished = 0.99
    sound = await harness.hears(speech("how much"), interpreter=interpreter("how much"))
    assert text(sound) == "how much" and sound.decode_s == pytest.approx(0.1, abs=0.01)
    assert now() - sound.end_s == pytest.approx(EndOfTurnPolicy().quick_s, abs=0.04)
    assert not harness.recogniser.decoded


async def test_what_a_quick_listening_leaves_in_doubt_is_listened_to_twice_at_once() -> None:
    harness = hasty("how much")
    sound = await harness.hears(speech("cow march"), interpreter=interpreter("how much"))
    assert text(sound) == "how much" and sound.decode_s == pytest.approx(0.1 + 0.2, abs=0.01)
    assert [heard for heard, _ in harness.recogniser.decoded] == ["cow march"]


async def test_only_a_question_is_listened_to_quickly() -> None:
    harness = hasty()
    harness.question = False
    assert text(await harness.hears(speech("how much"), interpreter=interpreter("how much"))) == "how much"
    assert harness.recogniser.decoded and not harness.recogniser.listened_quickly


async def test_an_emergency_is_acted_on_in_mid_speech() -> None:
    harness = ListenerHarness(Reader(streams=True), prompt_s=60)
    long = "please an ambulance " + " ".join(f"and{number}" for number in range(40))
    sound = await harness.hears(speech(long))
    assert sound.interpretation is not None and sound.interpretation.urgent
    assert now() < 2.0


async def test_an_emergency_heard_at_the_end_does_not_wait_for_silence() -> None:
    sound = await ListenerHarness().hears(speech("an ambulance"))
    assert sound.interpretation is not None and sound.interpretation.urgent
    assert now() - sound.end_s == pytest.approx(TurnLimits().pause_s + 0.1, abs=0.05)


async def test_a_failing_decoder_is_the_recognisers_error() -> None:
    with pytest.raises(RecogniserError, match="the decoder broke"):
        await ListenerHarness(Reader(fails=True)).hears(speech("how much"))


async def test_a_failing_partial_result_costs_nothing() -> None:
    """The words are decoded later."""
    reader = Reader(streams=True)
    reader.partial_fails = True
    assert text(await ListenerHarness(reader).hears(speech("how much is the Louvre please"))) == (
        "how much is the Louvre please"
    )


async def test_a_hanging_decoder_is_the_recognisers_error() -> None:
    harness = ListenerHarness(Reader(delay_s=3600))
    with pytest.raises(RecogniserError, match="after the caller stopped"):
        await harness.hears(speech("how much"))
    assert now() == pytest.approx(0.6 + HANG_S, abs=0.1)


async def test_nothing_keeps_running_when_the_call_ends_in_mid_decode() -> None:
    harness = ListenerHarness(Reader(delay_s=3600, streams=True))
    before = asyncio.all_tasks()
    listening = asyncio.create_task(harness.hears(speech("how much is 0.3 the Louvre")))
    await asyncio.sleep(2.0)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_the_next_turn_starts_from_nothing_after_an_error() -> None:
    reader = Reader(fails=True)
    harness = ListenerHarness(reader)
    with pytest.raises(RecogniserError):
        await harness.hears(speech("how much"))
    reader.fails = False
    harness.listener.forget()
    assert text(await harness.hears(silence(2.0), speech("the Louvre"))) == "the Louvre"
