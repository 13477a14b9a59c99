"""The cache of rendered prompts, with real voices."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.core.audio import read_audio, seconds
from ivr.core.errors import NotRendered, VoiceError
from ivr.evaluation.hearback import clipped
from ivr.speech import pronunciation
from ivr.speech.loudness import loudness, true_peak
from ivr.speech.prompts import Prompts, _Memory
from ivr.speech.tts_pico import Pico
from ivr.speech.tts_piper import Piper, embedded_english
from tests.speech.engines import ROOT
from tests.speech.test_loudness import onset

pytestmark = pytest.mark.slow

FRENCH, ENGLISH = ("Bonjour, comment puis-je vous aider ?", "fr"), ("How can I help you?", "en")


@pytest.fixture
def prompts(tmp_path: Path, runner: asyncio.Runner) -> Iterator[Prompts]:
    voices = {"fr": Pico("fr"), "en": Piper(embedded_english(), "en")}
    made = Prompts(tmp_path, voices, {lang: pronunciation.read(ROOT, lang) for lang in voices})
    yield made
    runner.run(made.close())


@pytest.mark.parametrize(("text", "lang"), [FRENCH, ENGLISH, ("Oui.", "fr"), ("Yes.", "en")])
def test_a_rendered_prompt_is_loud_enough_unclipped_and_begins_at_once(
    prompts: Prompts, text: str, lang: str
) -> None:
    pcm = prompts.render(text, lang)
    assert loudness(pcm) == pytest.approx(-19.0, abs=1.0)
    assert true_peak(pcm) < -1.0 and not clipped(pcm)
    assert onset(pcm) <= 0.03
    assert prompts.audio(text, lang) == pcm


def test_a_prompt_that_is_not_rendered_is_an_error(prompts: Prompts) -> None:
    with pytest.raises(NotRendered):
        prompts.audio(*FRENCH)


async def test_a_sentence_composed_in_a_call_is_rendered_at_once(prompts: Prompts) -> None:
    pcm = await prompts.audio_or_render("Vous êtes le numéro 3.", "fr")
    assert seconds(pcm) > 0.8 and prompts.audio("Vous êtes le numéro 3.", "fr") == pcm


class Counted(Pico):
    """A voice that counts its sentences."""

    spoken = 0

    def render(self, text: str, *, speed: float = 1.0) -> bytes:
        self.spoken += 1
        return super().render(text, speed=speed)


async def test_calls_that_need_the_same_prompt_share_one_rendering(tmp_path: Path) -> None:
    voice = Counted("fr")
    prompts = Prompts(tmp_path, {"fr": voice}, {"fr": pronunciation.read(ROOT, "fr")})
    wanted = [asyncio.ensure_future(prompts.audio_or_render(*FRENCH)) for _ in range(4)]
    await asyncio.sleep(0)
    wanted[0].cancel()  # this caller hung up
    rendered = await asyncio.gather(*wanted[1:])
    assert rendered == [prompts.audio(*FRENCH)] * 3 and voice.spoken == 1
    await prompts.close()


class Broken(Pico):
    """A voice that cannot speak."""

    error: Exception = VoiceError("the model is gone")

    def render(self, text: str, *, speed: float = 1.0) -> bytes:
        raise self.error


@pytest.mark.parametrize("error", [VoiceError("the model is gone"), RuntimeError("the model is gone")])
async def test_a_broken_voice_does_not_keep_others_from_warming_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(Broken, "error", error)
    voices = {"es": Broken("es"), "fr": Counted("fr")}
    prompts = Prompts(tmp_path, voices, {lang: pronunciation.read(ROOT, lang) for lang in voices})
    for _ in range(2):
        await prompts.warm_up()
    assert voices["fr"].spoken == 1 and prompts.missing([("1", "fr")])
    assert "pico:es-ES-bright cannot speak" in caplog.text and "the model is gone" in caplog.text
    await prompts.close()


def test_each_prompt_is_rendered_once_and_counted(prompts: Prompts) -> None:
    seen: list[tuple[int, int]] = []
    items = [FRENCH, ENGLISH, FRENCH]
    assert prompts.render_all(items, lambda done, total: seen.append((done, total))) == 2
    assert seen == [(0, 2), (1, 2), (2, 2)]
    assert prompts.missing(items) == [] and prompts.render_all(items) == 0


def test_the_slow_variant_is_another_and_longer_prompt(prompts: Prompts) -> None:
    usual, slow = prompts.render(*FRENCH), prompts.render(*FRENCH, slow=True)
    assert seconds(slow) > 1.15 * seconds(usual)
    assert prompts.path(*FRENCH) != prompts.path(*FRENCH, slow=True)
    assert prompts.missing([FRENCH], slow=True) == []


def test_the_path_depends_on_text_voice_and_pronunciation(tmp_path: Path) -> None:
    french = pronunciation.read(ROOT, "fr")
    voices = {"fr": Pico("fr"), "en": Pico("en")}
    one = Prompts(tmp_path, voices, {"fr": french, "en": pronunciation.read(ROOT, "en")})
    other = Prompts(tmp_path, {"fr": Pico("it")}, {"fr": french})
    assert one.path("Orsay", "fr") != one.path("Orly", "fr")
    assert one.path("Orsay", "fr") != other.path("Orsay", "fr")
    assert one.path("Le RER.", "fr") != one.path("Le R.", "fr")
    assert one.path("9 h", "fr") == one.path("neuf heures", "fr")


@pytest.mark.parametrize("damage", [b"", b"RIFF", b"not a wav at all" * 20])
async def test_a_damaged_file_is_rendered_again(prompts: Prompts, damage: bytes) -> None:
    prompts.render(*FRENCH)
    path = prompts.path(*FRENCH)
    path.write_bytes(damage)
    with pytest.raises(NotRendered):
        prompts.audio(*FRENCH)
    pcm = await prompts.audio_or_render(*FRENCH)
    assert read_audio(path) == pcm


@pytest.mark.parametrize("text", ["", "  ", "<>"])
def test_nothing_to_say_is_an_error_and_leaves_no_file(prompts: Prompts, text: str, tmp_path: Path) -> None:
    with pytest.raises(VoiceError):
        prompts.render_all([(text, "fr")])
    assert list(tmp_path.glob("*.wav")) == []


def test_a_language_without_voice_is_named(prompts: Prompts) -> None:
    with pytest.raises(VoiceError, match="ko"):
        prompts.audio("안녕하세요", "ko")


def test_memory_keeps_the_most_recently_used_audio() -> None:
    memory = _Memory(10)
    memory.put("a", b"1234")
    memory.put("b", b"1234")
    assert memory.get("a") == b"1234"
    memory.put("c", b"1234")
    assert (memory.get("a"), memory.get("b"), memory.get("c")) == (b"1234", None, b"1234")
    memory.put("huge", b"x" * 50)
    assert memory.get("huge") is not None and memory.get("a") is None
