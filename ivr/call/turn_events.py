"""From turns and prompts to the events that record them.  Pure."""

from __future__ import annotations

from ivr.call.audio.caller_turn import CallerTurn
from ivr.call.audio.interpretation import Interpretation
from ivr.call.audio.player import Playback
from ivr.call.audio.turn_trace import TurnTrace
from ivr.call.dialogue import number_words
from ivr.call.dialogue.caller import PromptPart
from ivr.core import events
from ivr.core.events import WITHHELD_NUMBER
from ivr.core.run_lengths import write_runs

NUMBER_WORDS = 2
"""The most digits in an answer that is recorded although a number was asked for."""


def said(part: PromptPart, played: Playback) -> events.Said:
    """Return the event for a part of a prompt; the digits of a number are left out."""
    return events.Said(
        part.key,
        WITHHELD_NUMBER if part.key == "number" else part.text,
        part.lang,
        round(played.start_s, 3),
        round(played.length_s, 3),
        round(played.heard_s, 3),
        played.interrupted,
    )


def listened(trace: TurnTrace) -> events.Listened:
    """Return the event with all that a replay of the turn needs."""
    decodes = ",".join(map(str, trace.decodes))
    return events.Listened(trace.since, trace.until, *trace.voice, write_runs(trace.prompt), decodes)


def key_pressed(keys: str) -> events.KeyPressed:
    """Return the event for one key; the keys of a number are left out."""
    return events.KeyPressed(WITHHELD_NUMBER if len(keys) > 1 else keys)


def heard(
    turn: CallerTurn, interpretation: Interpretation, lang: str, answer_s: float, *, number: bool
) -> events.Heard:
    """Return the event for what was said.

    turn, interpretation: what was heard.
    lang: the language where the recogniser names none.
    answer_s: when the call was answered, in seconds of the listener's audio.
    number: whether a number was asked for; its words are left out.
    """
    transcript, span = interpretation.transcript, turn.span
    lang = transcript.lang or lang
    withheld = number and len(number_words.said(transcript.text, lang)) > NUMBER_WORDS
    return events.Heard(
        WITHHELD_NUMBER if withheld else transcript.text,
        lang,
        round(transcript.confidence, 3),
        transcript.engine,
        round(turn.start_s - answer_s, 2),
        round(turn.end_s - answer_s, 2),
        round(turn.decode_s, 3),
        round(span.from_s - answer_s, 2),
        round(span.to_s - answer_s, 2),
        span.sum,
        span.gaps,
        None if transcript.finished is None else round(transcript.finished, 3),
    )


def understood(interpretation: Interpretation) -> events.Understood | None:
    """Return the event for the meaning; None where there is none."""
    intent = interpretation.intent
    if intent is None:
        return None
    second = intent.ranking[1] if len(intent.ranking) > 1 else ("", 0.0)
    return events.Understood(
        intent.name,
        round(intent.confidence, 3),
        second[0],
        round(second[1], 3),
        round(interpretation.understood_ms, 1),
        intent.classifier,
    )
