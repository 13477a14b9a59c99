"""The ear and its recogniser: decoding begins before the turn is over, and may go wrong."""

from __future__ import annotations

import asyncio

import pytest

from ivr.call.audio.end_of_turn import EndOfTurnPolicy
from ivr.call.audio.listener import HANG_S
from ivr.call.audio.turn_detector import TurnLimits
from ivr.core.audio import silence
from ivr.core.errors import RecogniserError
from tests.call.audio.hearing import Listening, Reader, judge, speech, text

pytestmark = pytest.mark.virtual_time


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_decoding_hides_in_the_silence_that_ends_the_turn() -> None:
    listener = Listening(Reader(delay_s=0.4))
    sound = await listener.hears(speech("how much"), judge=judge("how much"))
    assert now() - sound.end_s == pytest.approx(EndOfTurnPolicy().complete_s, abs=0.04)


async def test_a_slow_decoder_is_waited_for() -> None:
    listener = Listening(Reader(delay_s=3.0))
    sound = await listener.hears(speech("how much"), judge=judge("how much"))
    assert text(sound) == "how much"
    assert now() - sound.end_s == pytest.approx(TurnLimits().pause_s + 3.0, abs=0.05)


async def test_an_early_result_is_thrown_away_when_the_caller_goes_on() -> None:
    listener = Listening()
    sound = await listener.hears(speech("how much is 0.5 the Louvre"))
    assert text(sound) == "how much is the Louvre"
    assert listener.recogniser.decoded == [("how much is", True), ("how much is the Louvre", True)]


async def test_an_early_decode_that_still_runs_is_stopped_when_the_caller_goes_on() -> None:
    listener = Listening(Reader(delay_s=0.6))
    sound = await listener.hears(speech("how much is 0.5 the Louvre"))
    assert text(sound) == "how much is the Louvre"
    assert listener.recogniser.decoded == [("how much is", False), ("how much is the Louvre", True)]


async def test_an_early_decode_that_fails_does_not_interrupt_a_caller_who_goes_on() -> None:
    reader = Reader(fails=True)
    with pytest.raises(RecogniserError):
        await Listening(reader).hears(speech("how much is 0.5 the Louvre"))
    assert [heard for heard, _ in reader.decoded] == ["how much is", "how much is the Louvre"]
    assert now() == pytest.approx(6 * 0.3 - 0.3 + 0.5 + EndOfTurnPolicy().incomplete_s, abs=0.1)


def twice(reads_again: str | None) -> Listening:
    """An ear that may listen again, and what it hears then."""
    listener = Listening(Reader(delay_s=0.2))
    listener.question, listener.recogniser.reads_again = True, reads_again
    return listener


async def test_what_is_not_understood_is_listened_to_again_within_the_pause() -> None:
    listener = twice("how much")
    sound = await listener.hears(speech("cow march"), judge=judge("how much"))
    assert text(sound) == "how much" and sound.decode_s == pytest.approx(0.2, abs=0.01)
    assert now() - sound.end_s == pytest.approx(EndOfTurnPolicy().complete_s, abs=0.04)


async def test_he_sounds_as_finished_as_when_he_was_heard_first() -> None:
    listener = twice("how much")
    listener.recogniser.finished = 0.99
    sound = await listener.hears(speech("cow march"), judge=judge("how much"))
    assert text(sound) == "how much"
    assert now() - sound.end_s == pytest.approx(EndOfTurnPolicy().quick_s, abs=0.04)


@pytest.mark.parametrize("reads_again", ["cow march", None])
async def test_what_is_no_better_the_second_time_stays_as_it_was_heard_first(reads_again: str | None) -> None:
    listener = twice(reads_again)
    sound = await listener.hears(speech("cow much"), judge=judge("how much"))
    assert text(sound) == "cow much" and listener.recogniser.listened_again == 1
    assert now() - sound.end_s == pytest.approx(EndOfTurnPolicy().incomplete_s, abs=0.04)


async def test_a_second_listening_never_lengthens_his_turn() -> None:
    listener = twice("how much")
    listener.recogniser.delay_s, listener.recogniser.again_s = 0.7, 1.4
    sound = await listener.hears(speech("cow march"), judge=judge("how much"))
    assert text(sound) == "cow march" and sound.decode_s == pytest.approx(0.7, abs=0.01)
    assert now() - sound.end_s == pytest.approx(EndOfTurnPolicy().incomplete_s, abs=0.04)
    (decode,) = sound.trace.decodes
    assert decode.once and str(decode).endswith("!")


async def test_what_is_understood_at_once_is_not_listened_to_again() -> None:
    listener = hasty("something else")
    assert text(await listener.hears(speech("how much"), judge=judge("how much"))) == "how much"
    assert not listener.recogniser.listened_again


async def test_a_second_listening_is_for_those_who_ask_for_it() -> None:
    listener = twice("how much")
    listener.question = False
    assert text(await listener.hears(speech("cow march"), judge=judge("how much"))) == "cow march"


async def test_a_second_listening_that_fails_costs_nothing() -> None:
    listener = twice("how much")
    listener.recogniser.fails_again = True
    assert text(await listener.hears(speech("cow march"), judge=judge("how much"))) == "cow march"


def hasty(reads_again: str | None = None) -> Listening:
    """An ear that listens quickly first."""
    listener = twice(reads_again)
    listener.recogniser.quick_s = 0.1
    return listener


async def test_a_quick_listening_is_enough_for_what_can_be_acted_on() -> None:
    listener = hasty()
    listener.recogniser.finished = 0.99
    sound = await listener.hears(speech("how much"), judge=judge("how much"))
    assert text(sound) == "how much" and sound.decode_s == pytest.approx(0.1, abs=0.01)
    assert now() - sound.end_s == pytest.approx(EndOfTurnPolicy().quick_s, abs=0.04)
    assert not listener.recogniser.decoded


async def test_what_a_quick_listening_leaves_in_doubt_is_listened_to_twice_at_once() -> None:
    listener = hasty("how much")
    sound = await listener.hears(speech("cow march"), judge=judge("how much"))
    assert text(sound) == "how much" and sound.decode_s == pytest.approx(0.1 + 0.2, abs=0.01)
    assert [heard for heard, _ in listener.recogniser.decoded] == ["cow march"]


async def test_only_a_question_is_listened_to_quickly() -> None:
    listener = hasty()
    listener.question = False
    assert text(await listener.hears(speech("how much"), judge=judge("how much"))) == "how much"
    assert listener.recogniser.decoded and not listener.recogniser.listened_quickly


async def test_an_emergency_is_acted_on_in_mid_speech() -> None:
    listener = Listening(Reader(streams=True), prompt_s=60)
    long = "please an ambulance " + " ".join(f"and{number}" for number in range(40))
    sound = await listener.hears(speech(long))
    assert sound.interpretation is not None and sound.interpretation.urgent
    assert now() < 2.0


async def test_an_emergency_heard_at_the_end_does_not_wait_for_patience() -> None:
    sound = await Listening().hears(speech("an ambulance"))
    assert sound.interpretation is not None and sound.interpretation.urgent
    assert now() - sound.end_s == pytest.approx(TurnLimits().pause_s + 0.1, abs=0.05)


async def test_a_failing_decoder_is_the_recognisers_error() -> None:
    with pytest.raises(RecogniserError, match="the decoder broke"):
        await Listening(Reader(fails=True)).hears(speech("how much"))


async def test_a_failing_partial_result_costs_nothing() -> None:
    """It was a glance; the words themselves are still to be decoded."""
    reader = Reader(streams=True)
    reader.partial_fails = True
    assert text(await Listening(reader).hears(speech("how much is the Louvre please"))) == (
        "how much is the Louvre please"
    )


async def test_a_hanging_decoder_is_the_recognisers_error() -> None:
    listener = Listening(Reader(delay_s=3600))
    with pytest.raises(RecogniserError, match="after the caller stopped"):
        await listener.hears(speech("how much"))
    assert now() == pytest.approx(0.6 + HANG_S, abs=0.1)


async def test_nothing_keeps_running_when_the_call_ends_in_mid_decode() -> None:
    listener = Listening(Reader(delay_s=3600, streams=True))
    before = asyncio.all_tasks()
    listening = asyncio.create_task(listener.hears(speech("how much is 0.3 the Louvre")))
    await asyncio.sleep(2.0)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_the_next_turn_starts_from_nothing_after_an_error() -> None:
    reader = Reader(fails=True)
    listener = Listening(reader)
    with pytest.raises(RecogniserError):
        await listener.hears(speech("how much"))
    reader.fails = False
    listener.ear.forget()
    assert text(await listener.hears(silence(2.0), speech("the Louvre"))) == "the Louvre"
