"""One exchange with the caller: say a prompt, listen, and say it again when a noise has cut it short.

Calls and replays use the same exchange, so that a replay comes to the turns to which the call came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ivr.call.audio.caller_turn import CallerTurn
from ivr.call.audio.end_of_turn import EndOfTurnPolicy
from ivr.call.audio.interpretation import Interpreter
from ivr.call.audio.listener import Listener, PromptControl
from ivr.call.audio.turn_trace import TurnTrace
from ivr.content.bundle import Content

NUMBER_PAUSE_S = 1.8
"""Seconds of silence after which a spoken number is over: people breathe between its groups."""
ATTEMPTS = 3
"""How many times a prompt is said that a noise cuts short."""


class PromptPlayer(PromptControl, Protocol):
    """Plays the prompt of an exchange."""

    def begin(self) -> None:
        """A prompt follows: from now on ``flush`` cuts it."""


@dataclass(frozen=True)
class Question:
    """What the caller may answer.

    langs: codes of the languages in which the answer may be.
    keys: how many keys the answer may have; more than one asks for a number, which may be spoken with pauses.
    no_input_s: seconds of silence after which there is no answer; None: the limit of the content.
    """

    langs: tuple[str, ...]
    keys: int = 1
    no_input_s: float | None = None

    @property
    def about_topic(self) -> bool:
        """Whether the answer may name a topic, in a known language: it gets hot words and a second decode."""
        return len(self.langs) == 1 and self.keys == 1

    def policy(self, content: Content) -> EndOfTurnPolicy:
        """The silences that end the answer."""
        limits = content.callflow.limits
        no_input_s = limits.silence_s if self.no_input_s is None else self.no_input_s
        policy = EndOfTurnPolicy(no_input_s=no_input_s, longest_s=limits.speech_s)
        return policy.always(NUMBER_PAUSE_S) if self.keys > 1 else policy

    def hotwords(self, content: Content) -> str:
        """Words that the recogniser prefers; empty for none."""
        return content.faq.hotwords(self.langs[0]) if self.about_topic else ""


async def say_and_listen(
    say: Callable[[], Coroutine[Any, Any, None]],
    player: PromptPlayer,
    listener: Listener,
    question: Question,
    content: Content,
    interpreter: Interpreter,
) -> CallerTurn:
    """Say a prompt and return the caller's turn.

    say: plays the whole prompt on ``player``; called again when a noise has cut the prompt short.
    question, content: what the caller may answer, and the limits and hot words for it.
    interpreter: gives a transcript its meaning.

    Raises RecogniserError when decoding fails, and what ``say`` raises: a question that was not asked has no answer.
    """
    policy, hotwords = question.policy(content), question.hotwords(content)
    turn, trace = CallerTurn(), TurnTrace()
    for _ in range(ATTEMPTS):
        player.begin()
        speaking = asyncio.create_task(say())
        listening = asyncio.create_task(
            listener.listen(
                question.langs, interpreter, policy, hotwords=hotwords, question=question.about_topic
            )
        )
        try:
            await asyncio.wait({speaking, listening}, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            listening.cancel()
            await player.flush()
            await speaking
        turn = await listening
        trace = trace.then(turn.trace)
        if not turn.is_noise:
            break
    if turn.key and question.keys > 1:
        turn = replace(turn, key=await listener.dialled(turn.key, question.keys))
    return replace(turn, trace=trace)
