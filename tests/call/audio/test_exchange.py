"""One exchange: a prompt is said, the caller is listened to, and a noise has the prompt said again."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from ivr.call.audio.caller_turn import CallerTurn
from ivr.call.audio.exchange import ATTEMPTS, NUMBER_PAUSE_S, Question, say_and_listen
from ivr.call.audio.listener import Listener
from ivr.core.audio import frames, silence
from ivr.core.errors import VoiceError
from tests.call.audio.listener_peers import (
    FRAME_S,
    LevelVad,
    Loudspeaker,
    Reader,
    interpreter,
    noise,
    speech,
    text,
)
from tests.call.dialogue.scripted import make_content

pytestmark = pytest.mark.virtual_time
CONTENT = make_content()
TOPIC = Question(("en",))


class Prompts(Loudspeaker):
    """A player on which each prompt lasts ``prompt_s``; ``begun``: how many began."""

    def __init__(self, prompt_s: float) -> None:
        super().__init__()
        self.prompt_s, self.begun = prompt_s, 0
        self._cut = asyncio.Event()

    def begin(self) -> None:
        self.begun += 1
        self._cut.clear()
        self._until = asyncio.get_running_loop().time() + self.prompt_s

    async def play(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._cut.wait(), self.prompt_s)

    async def flush(self) -> None:
        await super().flush()
        self._cut.set()


async def exchange(
    question: Question, *sounds: bytes | str, prompt_s: float = 3.0, breaks: bool = False
) -> tuple[CallerTurn, Prompts, Reader]:
    """Ask ``question`` while these sounds and keys come from the caller."""
    player, recogniser = Prompts(prompt_s), Reader()
    listener = Listener(LevelVad(), recogniser, player)

    async def say() -> None:
        if breaks:
            raise VoiceError("no voice")
        await player.play()

    async def feed() -> None:
        for sound in (*sounds, silence(60.0)):
            if isinstance(sound, str):
                listener.key(sound)
                continue
            for frame in frames(sound):
                listener.hear(frame)
                await asyncio.sleep(FRAME_S)

    feeding = asyncio.create_task(feed())
    try:
        turn = await say_and_listen(say, player, listener, question, CONTENT, interpreter("the Louvre"))
    finally:
        feeding.cancel()
    return turn, player, recogniser


async def test_an_answer_after_the_prompt_is_heard_with_the_hot_words_of_the_topics() -> None:
    turn, player, recogniser = await exchange(TOPIC, silence(4.0), speech("the Louvre"))
    assert text(turn) == "the Louvre" and player.begun == 1
    assert recogniser.offered == [(("en",), CONTENT.faq.hotwords("en"))]


async def test_a_noise_that_stops_the_prompt_has_it_said_again_and_one_trace_tells_of_both() -> None:
    turn, player, _ = await exchange(TOPIC, silence(1.0), noise(0.6), silence(5.0), speech("the Louvre"))
    assert text(turn) == "the Louvre" and player.begun == 2
    assert turn.trace.since == 1 and len(turn.trace.decodes) == 2


async def test_a_prompt_is_not_said_for_ever() -> None:
    noises = [part for _ in range(ATTEMPTS) for part in (silence(1.0), noise(0.6), silence(1.5))]
    turn, player, _ = await exchange(TOPIC, *noises)
    assert turn.is_noise and player.begun == ATTEMPTS


async def test_silence_after_the_prompt_ends_at_the_limit_of_the_content_or_of_the_question() -> None:
    turn, _, _ = await exchange(TOPIC)
    assert turn.waited_s == pytest.approx(CONTENT.callflow.limits.silence_s, abs=0.03)
    turn, _, _ = await exchange(Question(("en",), no_input_s=FRAME_S))
    assert turn.waited_s == pytest.approx(FRAME_S)


async def test_a_number_is_collected_key_by_key_and_spoken_with_pauses() -> None:
    number = Question(("en",), keys=10)
    turn, _, _ = await exchange(number, silence(1.0), "0", silence(0.5), "6", silence(0.5), "#")
    assert turn.key == "06"
    turn, _, recogniser = await exchange(
        number, silence(4.0), speech(f"oh six {NUMBER_PAUSE_S - 0.4} one two")
    )
    assert text(turn) == "oh six one two" and recogniser.offered == [(("en",), "")]


async def test_a_question_that_no_voice_can_say_has_no_answer() -> None:
    with pytest.raises(VoiceError):
        await exchange(TOPIC, silence(1.0), "1", breaks=True)
