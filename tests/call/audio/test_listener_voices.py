"""The ear on real voices: Silero's model, Pico's speech, a telephone line between them."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from ivr.call.audio.interpretation import Interpretation
from ivr.core.audio import add_noise, silence, through_g711, to_floats, to_pcm, to_samples
from ivr.nlu.client import Intent
from ivr.speech.stt import Transcript
from ivr.speech.tts_pico import Pico
from ivr.speech.vad import BatchedVad
from tests.call.audio.hearing import Listening

pytestmark = pytest.mark.virtual_time

SENTENCES = {
    "fr": "Combien coûte la tour Eiffel ?",
    "en": "What time does the Louvre open?",
    "es": "¿Cómo llego al aeropuerto?",
    "de": "Wo kann ich einen Navigo kaufen?",
    "it": "Quanto costa il biglietto?",
}


class Voiced(Listening):
    """A Listening whose voice activity is the real one; the recogniser is not of interest here."""

    def __init__(self, prompt_s: float = 0.0) -> None:
        super().__init__(prompt_s=prompt_s)
        self.ear._vad = BatchedVad().caller()


def said(lang: str) -> bytes:
    """A caller's sentence over a telephone line with some noise, its own silence cut off at both ends."""
    pcm = Pico(lang).render(SENTENCES[lang])
    loud = np.flatnonzero(np.abs(to_samples(pcm)) > 500)
    return through_g711(add_noise(pcm[loud[0] * 2 : loud[-1] * 2], snr_db=25))


@pytest.mark.parametrize("lang", SENTENCES)
async def test_the_prompt_is_silent_within_a_quarter_of_a_second_and_the_turn_ends_with_the_voice(
    lang: str,
) -> None:
    listener, sentence = Voiced(prompt_s=60), said(lang)
    sound = await listener.hears(silence(3.0), sentence)
    assert [what for what, _ in listener.mouth.done] == ["hold", "flush"]
    assert 3.0 < listener.mouth.done[0][1] < 3.25
    assert sound.start_s == pytest.approx(3.0, abs=0.2)
    assert sound.end_s == pytest.approx(3.0 + len(sentence) / 32_000, abs=0.25)


async def complete(transcript: Transcript, final: bool) -> Interpretation:
    """Whatever he says could be all."""
    return Interpretation(transcript, Intent("louvre.price", 0.9, ()), complete=True)


@pytest.mark.parametrize("lang", SENTENCES)
async def test_two_sentences_with_six_tenths_between_them_are_one_turn(lang: str) -> None:
    sentence = said(lang)
    sound = await Voiced().hears(silence(2.0), sentence, silence(0.6), sentence, judge=complete)
    assert sound.end_s == pytest.approx(2.6 + 2 * len(sentence) / 32_000, abs=0.25)


@pytest.mark.parametrize("loudness", [0.003, 0.03, 0.2])
async def test_hiss_and_a_slammed_door_do_not_hold_the_prompt(loudness: float) -> None:
    hiss = np.random.default_rng(1).standard_normal(16_000 * 10) * 0.003
    hiss[32_000:36_000] += np.random.default_rng(2).standard_normal(4_000) * loudness
    listener = Voiced(prompt_s=60)
    listening = asyncio.create_task(listener.hears(to_pcm(hiss), "1"))
    assert (await listening).key == "1"
    assert listener.mouth.done == [("flush", 10.0)]


async def test_a_short_mm_hm_does_not_stop_the_prompt() -> None:
    """0.25 s of a vowel, as an "mm-hm" is: at most a moment on hold."""
    vowel = to_floats(Pico("en").render("Mmm."))
    loud = np.flatnonzero(np.abs(vowel) > 0.02)
    mmhm = to_pcm(vowel[loud[0] : loud[0] + 4_000])
    listener = Voiced(prompt_s=60)
    assert (await listener.hears(silence(2.0), mmhm, silence(3.0), "1")).key == "1"
    assert [what for what, _ in listener.mouth.done] in ([], ["flush"], ["hold", "resume", "flush"])
    assert listener.mouth.done[-1][1] > 5.0
