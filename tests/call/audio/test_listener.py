"""Listening: when the prompt stops, when a turn ends, and what reaches the recogniser."""

from __future__ import annotations

import asyncio

import pytest

from ivr.call.audio.end_of_turn import EndOfTurnPolicy
from ivr.call.audio.listener import HISTORY_FRAMES, PREROLL_S, REJOIN_S
from ivr.call.audio.turn_detector import TurnLimits
from ivr.core.audio import silence
from tests.call.audio.listener_peers import ListenerHarness, Reader, interpreter, noise, speech, text, word

pytestmark = pytest.mark.virtual_time


def now() -> float:
    return asyncio.get_running_loop().time()


# whose turn it is


async def test_barge_in_holds_the_prompt_at_the_first_sound_and_stops_it_when_that_is_speech() -> None:
    harness = ListenerHarness(prompt_s=60)
    sound = await harness.hears(silence(2.0), speech("how much is the Louvre"))
    assert harness.loudspeaker.done == [("hold", 2.02), ("flush", 2.34)]
    assert text(sound) == "how much is the Louvre"


async def test_a_cough_holds_the_prompt_for_less_than_half_a_second() -> None:
    harness = ListenerHarness(prompt_s=10)
    sound = await harness.hears(silence(2.0), noise(0.2), silence(20))
    assert harness.loudspeaker.done == [("hold", 2.02), ("resume", 2.48)]
    assert sound.waited_s and harness.recogniser.decoded == []


async def test_a_complete_sentence_ends_sooner_than_an_incomplete_one() -> None:
    ended: dict[str, float] = {}
    for sentence in ("how much is the Louvre", "how much is the"):
        harness = ListenerHarness()
        begun = now()
        sound = await harness.hears(speech(sentence), interpreter=interpreter("how much is the Louvre"))
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
        (WHOLE, 0.05, 0.9, EndOfTurnPolicy().incomplete_s),
        (PART, 0.975, 0.95, EndOfTurnPolicy().complete_s),
        (PART, 0.975, 0.8, EndOfTurnPolicy().incomplete_s),
        (PART, 0.96, 0.9, EndOfTurnPolicy().incomplete_s),
        (PART, 0.05, 0.9, EndOfTurnPolicy().unfinished_s),
    ],
)
async def test_who_sounds_finished_is_answered_sooner_and_who_does_not_is_waited_for(
    sentence: str, finished: float, confidence: float, silence_s: float
) -> None:
    harness = ListenerHarness(Reader(finished=finished, confidence=confidence))
    begun = now()
    sound = await harness.hears(speech(sentence), interpreter=interpreter(WHOLE))
    assert now() - begun - sound.end_s == pytest.approx(silence_s, abs=0.04)


async def test_what_was_heard_is_acted_on_when_it_is_known_and_not_at_the_next_frame() -> None:
    harness = ListenerHarness(Reader(delay_s=0.505, finished=0.97))
    begun = now()
    sound = await harness.hears(speech(WHOLE), interpreter=interpreter(WHOLE))
    assert now() - begun - sound.end_s == pytest.approx(0.505, abs=0.002)
    assert sound.trace.decodes[0].took == 25


async def test_a_caller_who_says_a_number_may_breathe_however_finished_they_sound() -> None:
    harness = ListenerHarness(Reader(finished=0.99))
    harness.policy = EndOfTurnPolicy().always(1.8)
    sound = await harness.hears(speech(f"{WHOLE} 1.6 {WHOLE}"), interpreter=interpreter(WHOLE))
    assert text(sound) == f"{WHOLE} {WHOLE}"


@pytest.mark.parametrize("first", ["the Louvre", "how much is"], ids=["complete", "incomplete"])
async def test_a_pause_of_six_tenths_inside_a_question_survives(first: str) -> None:
    harness = ListenerHarness()
    sound = await harness.hears(
        speech(f"{first} 0.6 the tickets please"), interpreter=interpreter("the Louvre")
    )
    assert text(sound) == f"{first} the tickets please"


async def test_times_of_a_turn_are_counted_in_the_audio() -> None:
    harness = ListenerHarness(Reader(delay_s=0.3))
    sound = await harness.hears(silence(3.0), speech("how much is it"))
    assert sound.start_s == pytest.approx(3.0, abs=0.05)
    assert sound.end_s == pytest.approx(4.2, abs=0.05)
    assert sound.decode_s == pytest.approx(0.3, abs=0.02)


async def test_a_caller_who_continues_after_a_turn_is_heard_as_one_sentence() -> None:
    harness = ListenerHarness()
    first = await harness.hears(speech("how much is"), silence(1.1))
    assert text(first) == "how much is"
    again = await harness.hears(speech("the Louvre"))
    assert text(again) == "how much is the Louvre"
    assert again.start_s == first.start_s


async def test_a_caller_who_speaks_later_has_said_something_new() -> None:
    harness = ListenerHarness()
    await harness.hears(speech("how much is"))
    later = await harness.hears(silence(REJOIN_S), speech("the Louvre"))
    assert text(later) == "the Louvre"


async def test_a_monologue_is_heard_after_its_first_half_minute_and_not_again() -> None:
    """For example a television: the rest is a turn of its own, or the same words would return for ever."""
    harness = ListenerHarness()
    words = [f"word{number}" for number in range(200)]
    feeding = asyncio.create_task(harness.feed(speech(" ".join(words))))
    first = await harness.turn()
    second = await harness.turn()
    assert first.end_s == pytest.approx(EndOfTurnPolicy().longest_s, abs=0.5)
    assert second.start_s > first.end_s - PREROLL_S
    assert set(text(first).split()) & set(text(second).split()[2:]) == set()
    feeding.cancel()


# what else can come


@pytest.mark.parametrize("before", [b"", speech("how much is")], ids=["in silence", "in mid-speech"])
async def test_a_key_ends_the_turn_at_once(before: bytes) -> None:
    harness = ListenerHarness(prompt_s=60)
    begun = now()
    sound = await harness.hears(before, "5")
    assert sound.key == "5" and sound.interpretation is None
    assert now() - begun == pytest.approx(len(before) / 32_000, abs=0.05)
    assert not harness.loudspeaker.speaking


async def test_keys_pressed_in_a_row_are_turns_in_that_order() -> None:
    harness = ListenerHarness()
    for key in "12#":
        harness.listener.key(key)
    assert [(await harness.hears()).key for _ in range(3)] == ["1", "2", "#"]


async def test_speech_before_a_key_does_not_leak_into_the_next_turn() -> None:
    harness = ListenerHarness()
    await harness.hears(speech("wrong"), "1")
    assert text(await harness.hears(silence(0.5), speech("the Louvre"))) == "the Louvre"


async def test_nothing_heard_is_reported_after_the_longest_silence() -> None:
    harness = ListenerHarness()
    sound = await harness.hears()
    assert sound.waited_s == pytest.approx(6.0) and not sound.key and sound.interpretation is None
    assert now() == pytest.approx(6.0, abs=0.05)


async def test_the_longest_silence_begins_after_the_prompt() -> None:
    harness = ListenerHarness(prompt_s=20)
    await harness.hears()
    assert now() == pytest.approx(26.0, abs=0.1)


async def test_noise_that_stopped_our_prompt_is_told_so_that_it_can_be_said_again() -> None:
    harness = ListenerHarness(prompt_s=60)
    sound = await harness.hears(silence(1.0), noise(0.5), silence(1.0))
    assert sound.interpretation is None and not sound.key and not sound.waited_s


async def test_noise_in_the_silence_after_our_prompt_is_no_turn() -> None:
    harness = ListenerHarness()
    sound = await harness.hears(silence(1.0), noise(0.5), silence(2.0), speech("the Louvre"))
    assert text(sound) == "the Louvre"


async def test_long_speech_without_a_word_is_a_turn_that_was_not_understood() -> None:
    sound = await ListenerHarness().hears(noise(2.0))
    assert text(sound) == ""


async def test_a_line_that_nobody_listens_to_keeps_the_last_half_minute() -> None:
    harness = ListenerHarness(prompt_s=101)
    await harness.feed(silence(100))
    assert harness.listener._frames.qsize() == HISTORY_FRAMES
    assert text(await harness.hears(speech("the Louvre"))) == "the Louvre"


async def test_what_was_said_during_a_recording_is_forgotten() -> None:
    harness = ListenerHarness()
    await harness.feed(speech("my name is Smith"))
    harness.listener.key("#")
    harness.listener.forget()
    assert (await harness.hears()).waited_s


# what reaches the recogniser


async def test_the_recogniser_gets_the_soft_beginning_and_little_silence() -> None:
    harness = ListenerHarness()
    await harness.hears(silence(5.0), word("Louvre", 1.0), silence(5.0))
    assert harness.recogniser.fed[-1] == pytest.approx(PREROLL_S + 1.0 + TurnLimits().pause_s, abs=0.03)


async def test_languages_and_hot_words_are_passed_on() -> None:
    harness = ListenerHarness()
    await harness.hears(speech("the Louvre"), langs=("fr", "en"))
    assert harness.recogniser.offered == [(("fr", "en"), "Louvre")]


async def test_audio_in_odd_pieces_is_the_same_audio() -> None:
    harness = ListenerHarness()
    pcm = speech("how much is the Louvre")
    for start in range(0, len(pcm), 222):
        harness.listener.hear(pcm[start : start + 222])
    assert text(await harness.hears()) == "how much is the Louvre"
