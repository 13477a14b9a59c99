"""Listening: when the prompt stops, when a turn ends, what of it reaches the recogniser."""

from __future__ import annotations

import asyncio

import pytest

from ivr.call.audio.end_of_turn import EndOfTurnPolicy
from ivr.call.audio.listener import HISTORY_FRAMES, PREROLL_S, REJOIN_S
from ivr.call.audio.turn_detector import TurnLimits
from ivr.core.audio import silence
from tests.call.audio.hearing import Listening, Reader, judge, noise, speech, text, word

pytestmark = pytest.mark.virtual_time


def now() -> float:
    return asyncio.get_running_loop().time()


# whose turn it is


async def test_barge_in_holds_the_prompt_at_the_first_sound_and_stops_it_when_that_is_speech() -> None:
    listener = Listening(prompt_s=60)
    sound = await listener.hears(silence(2.0), speech("how much is the Louvre"))
    assert listener.mouth.done == [("hold", 2.02), ("flush", 2.34)]
    assert text(sound) == "how much is the Louvre"


async def test_a_cough_holds_the_prompt_for_less_than_half_a_second() -> None:
    listener = Listening(prompt_s=10)
    sound = await listener.hears(silence(2.0), noise(0.2), silence(20))
    assert listener.mouth.done == [("hold", 2.02), ("resume", 2.48)]
    assert sound.waited_s and listener.recogniser.decoded == []


async def test_a_complete_sentence_ends_sooner_than_an_incomplete_one() -> None:
    ended: dict[str, float] = {}
    for sentence in ("how much is the Louvre", "how much is the"):
        listener = Listening()
        begun = now()
        sound = await listener.hears(speech(sentence), judge=judge("how much is the Louvre"))
        ended[sentence] = now() - begun - sound.end_s
    assert ended["how much is the Louvre"] == pytest.approx(EndOfTurnPolicy().complete_s, abs=0.04)
    assert ended["how much is the"] == pytest.approx(EndOfTurnPolicy().incomplete_s, abs=0.04)


WHOLE = "how much is the Louvre"


PART = "how much is the"


@pytest.mark.parametrize(
    ("sentence", "finished", "confidence", "silence_s"),
    [
        (WHOLE, 0.97, 0.9, EndOfTurnPolicy().quick_s),
        (WHOLE, 0.7, 0.9, EndOfTurnPolicy().complete_s),
        (WHOLE, 0.1, 0.9, EndOfTurnPolicy().incomplete_s),
        (PART, 0.965, 0.95, EndOfTurnPolicy().complete_s),
        (PART, 0.965, 0.8, EndOfTurnPolicy().incomplete_s),
        (PART, 0.95, 0.9, EndOfTurnPolicy().incomplete_s),
        (PART, 0.1, 0.9, EndOfTurnPolicy().unfinished_s),
    ],
)
async def test_who_sounds_finished_is_answered_sooner_and_who_does_not_is_waited_for(
    sentence: str, finished: float, confidence: float, silence_s: float
) -> None:
    listener = Listening(Reader(finished=finished, confidence=confidence))
    begun = now()
    sound = await listener.hears(speech(sentence), judge=judge(WHOLE))
    assert now() - begun - sound.end_s == pytest.approx(silence_s, abs=0.04)


async def test_what_was_heard_is_acted_on_when_it_is_known_and_not_at_the_next_frame() -> None:
    listener = Listening(Reader(delay_s=0.505, finished=0.97))
    begun = now()
    sound = await listener.hears(speech(WHOLE), judge=judge(WHOLE))
    assert now() - begun - sound.end_s == pytest.approx(0.505, abs=0.002)
    assert sound.trace.decodes[0].took == 25


async def test_who_says_a_number_may_breathe_however_finished_he_sounds() -> None:
    listener = Listening(Reader(finished=0.99))
    listener.patience = EndOfTurnPolicy().always(1.8)
    sound = await listener.hears(speech(f"{WHOLE} 1.6 {WHOLE}"), judge=judge(WHOLE))
    assert text(sound) == f"{WHOLE} {WHOLE}"


@pytest.mark.parametrize("first", ["the Louvre", "how much is"], ids=["complete", "incomplete"])
async def test_a_pause_of_six_tenths_inside_a_question_survives(first: str) -> None:
    listener = Listening()
    sound = await listener.hears(speech(f"{first} 0.6 the tickets please"), judge=judge("the Louvre"))
    assert text(sound) == f"{first} the tickets please"


async def test_times_of_a_turn_are_counted_in_the_audio() -> None:
    listener = Listening(Reader(delay_s=0.3))
    sound = await listener.hears(silence(3.0), speech("how much is it"))
    assert sound.start_s == pytest.approx(3.0, abs=0.05)
    assert sound.end_s == pytest.approx(4.2, abs=0.05)
    assert sound.decode_s == pytest.approx(0.3, abs=0.02)


async def test_a_caller_who_goes_on_after_his_turn_is_heard_as_one_sentence() -> None:
    listener = Listening()
    first = await listener.hears(speech("how much is"), silence(1.1))
    assert text(first) == "how much is"
    again = await listener.hears(speech("the Louvre"))
    assert text(again) == "how much is the Louvre"
    assert again.start_s == first.start_s


async def test_a_caller_who_speaks_later_has_said_something_new() -> None:
    listener = Listening()
    await listener.hears(speech("how much is"))
    later = await listener.hears(silence(REJOIN_S), speech("the Louvre"))
    assert text(later) == "the Louvre"


async def test_a_monologue_is_heard_after_its_first_half_minute_and_not_again() -> None:
    """A television in the room: what follows is a turn of its own, or the same words would come for ever."""
    listener = Listening()
    words = [f"word{number}" for number in range(200)]
    feeding = asyncio.create_task(listener.feed(speech(" ".join(words))))
    first = await listener.turn()
    second = await listener.turn()
    assert first.end_s == pytest.approx(EndOfTurnPolicy().longest_s, abs=0.5)
    assert second.start_s > first.end_s - PREROLL_S
    assert set(text(first).split()) & set(text(second).split()[2:]) == set()
    feeding.cancel()


# what else can come


@pytest.mark.parametrize("before", [b"", speech("how much is")], ids=["in silence", "in mid-speech"])
async def test_a_key_ends_the_turn_at_once(before: bytes) -> None:
    listener = Listening(prompt_s=60)
    begun = now()
    sound = await listener.hears(before, "5")
    assert sound.key == "5" and sound.interpretation is None
    assert now() - begun == pytest.approx(len(before) / 32_000, abs=0.05)
    assert not listener.mouth.speaking


async def test_keys_pressed_in_a_row_are_turns_in_that_order() -> None:
    listener = Listening()
    for key in "12#":
        listener.ear.key(key)
    assert [(await listener.hears()).key for _ in range(3)] == ["1", "2", "#"]


async def test_speech_before_a_key_does_not_leak_into_the_next_turn() -> None:
    listener = Listening()
    await listener.hears(speech("wrong"), "1")
    assert text(await listener.hears(silence(0.5), speech("the Louvre"))) == "the Louvre"


async def test_nothing_heard_is_told_after_patience_ran_out() -> None:
    listener = Listening()
    sound = await listener.hears()
    assert sound.waited_s == pytest.approx(6.0) and not sound.key and sound.interpretation is None
    assert now() == pytest.approx(6.0, abs=0.05)


async def test_patience_begins_when_we_have_spoken() -> None:
    listener = Listening(prompt_s=20)
    await listener.hears()
    assert now() == pytest.approx(26.0, abs=0.1)


async def test_noise_that_stopped_our_prompt_is_told_so_that_it_can_be_said_again() -> None:
    listener = Listening(prompt_s=60)
    sound = await listener.hears(silence(1.0), noise(0.5), silence(1.0))
    assert sound.interpretation is None and not sound.key and not sound.waited_s


async def test_noise_in_the_silence_after_our_prompt_is_no_turn() -> None:
    listener = Listening()
    sound = await listener.hears(silence(1.0), noise(0.5), silence(2.0), speech("the Louvre"))
    assert text(sound) == "the Louvre"


async def test_long_speech_without_a_word_is_a_turn_that_was_not_understood() -> None:
    sound = await Listening().hears(noise(2.0))
    assert text(sound) == ""


async def test_a_line_that_nobody_listens_to_keeps_the_last_half_minute() -> None:
    listener = Listening(prompt_s=101)
    await listener.feed(silence(100))
    assert listener.ear._frames.qsize() == HISTORY_FRAMES
    assert text(await listener.hears(speech("the Louvre"))) == "the Louvre"


async def test_what_was_said_during_a_recording_is_forgotten() -> None:
    listener = Listening()
    await listener.feed(speech("my name is Smith"))
    listener.ear.key("#")
    listener.ear.forget()
    assert (await listener.hears()).waited_s


# what reaches the recogniser


async def test_the_recogniser_gets_the_soft_beginning_and_little_silence() -> None:
    listener = Listening()
    await listener.hears(silence(5.0), word("Louvre", 1.0), silence(5.0))
    assert listener.recogniser.fed[-1] == pytest.approx(PREROLL_S + 1.0 + TurnLimits().pause_s, abs=0.03)


async def test_languages_and_hot_words_are_passed_on() -> None:
    listener = Listening()
    await listener.hears(speech("the Louvre"), langs=("fr", "en"))
    assert listener.recogniser.offered == [(("fr", "en"), "Louvre")]


async def test_audio_in_odd_pieces_is_the_same_audio() -> None:
    listener = Listening()
    pcm = speech("how much is the Louvre")
    for start in range(0, len(pcm), 222):
        listener.ear.hear(pcm[start : start + 222])
    assert text(await listener.hears()) == "how much is the Louvre"
