"""The listener with real voice: Silero's model, Pico's speech, and a telephone line between them."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from ivr.call.audio.interpretation import Interpretation
from ivr.core.audio import add_noise, silence, through_g711, to_floats, to_pcm, to_samples
from ivr.nlu.classifier import Intent
from ivr.speech.stt import Transcript
from ivr.speech.tts_pico import Pico
from ivr.speech.vad import BatchedVad
from tests.call.audio.listener_peers import ListenerHarness

pytestmark = pytest.mark.virtual_time

SENTENCES = {
    "fr": "Combien coûte la tour Eiffel ?",
    "en": "What time does the Louvre open?",
    "es": "¿Cómo llego al aeropuerto?",
    "de": "Wo kann ich einen Navigo kaufen?",
    "it": "Quanto costa il biglietto?",
}


class Voiced(ListenerHarness):
    """A harness with real voice activity detection; the recogniser does not matter here."""

    def __init__(self, prompt_s: float = 0.0) -> None:
        super().__init__(prompt_s=prompt_s)
        self.listener._vad = BatchedVad().caller()


def said(lang: str) -> bytes:
    """A caller's sentence over a telephone line with some noise, its own silence cut off at both ends."""
    pcm = Pico(lang).render(SENTENCES[lang])
    loud = np.flatnonzero(np.abs(to_samples(pcm)) > 500)
    return through_g711(add_noise(pcm[loud[0] * 2 : loud[-1] * 2], snr_db=25))


@pytest.mark.parametrize("lang", SENTENCES)
async def test_the_prompt_is_silent_within_a_quarter_of_a_second_and_the_turn_ends_with_the_voice(
    lang: str,
) -> None:
    harness, sentence = Voiced(prompt_s=60), said(lang)
    sound = await harness.hears(silence(3.0), sentence)
    assert [what for what, _ in harness.loudspeaker.done] == ["hold", "flush"]
    assert 3.0 < harness.loudspeaker.done[0][1] < 3.25
    assert sound.start_s == pytest.approx(3.0, abs=0.2)
    assert sound.end_s == pytest.approx(3.0 + len(sentence) / 32_000, abs=0.25)


async def complete(transcript: Transcript, final: bool) -> Interpretation:
    """Interpret every sentence as complete."""
    return Interpretation(transcript, Intent("louvre.price", 0.9, ()), complete=True)


@pytest.mark.parametrize("lang", SENTENCES)
async def test_two_sentences_with_six_tenths_between_them_are_one_turn(lang: str) -> None:
    sentence = said(lang)
    sound = await Voiced().hears(silence(2.0), sentence, silence(0.6), sentence, interpreter=complete)
    assert sound.end_s == pytest.approx(2.6 + 2 * len(sentence) / 32_000, abs=0.25)


@pytest.mark.parametrize("loudness", [0.003, 0.03, 0.2])
async def test_hiss_and_a_slammed_door_do_not_hold_the_prompt(loudness: float) -> None:
    hiss = np.random.default_rng(1).standard_normal(16_000 * 10) * 0.003
    hiss[32_000:36_000] += np.random.default_rng(2).standard_normal(4_000) * loudness
    harness = Voiced(prompt_s=60)
    listening = asyncio.create_task(harness.hears(to_pcm(hiss), "1"))
    assert (await listening).key == "1"
    assert harness.loudspeaker.done == [("flush", 10.0)]


async def test_a_short_mm_hm_does_not_stop_the_prompt() -> None:
    """0.25 s of a vowel, as an "mm-hm" is: at most a moment on hold."""
    vowel = to_floats(Pico("en").render("Mmm."))
    loud = np.flatnonzero(np.abs(vowel) > 0.02)
    mmhm = to_pcm(vowel[loud[0] : loud[0] + 4_000])
    harness = Voiced(prompt_s=60)
    assert (await harness.hears(silence(2.0), mmhm, silence(3.0), "1")).key == "1"
    assert [what for what, _ in harness.loudspeaker.done] in ([], ["flush"], ["hold", "resume", "flush"])
    assert harness.loudspeaker.done[-1][1] > 5.0
