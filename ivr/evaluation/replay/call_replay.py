"""One recorded call, replayed: every turn then and now."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
from functools import cached_property
from pathlib import Path

from ivr.call.audio.turn_detector import FRAME_S
from ivr.call.dialogue.caller import CallerReply
from ivr.content.bundle import Content
from ivr.core.events import WITHHELD_NUMBER
from ivr.core.virtual_time import VirtualLoop
from ivr.evaluation.replay import dialogue_replay, diff
from ivr.evaluation.replay.audio_replay import AskedQuestion, AudioReplayer, ReplayedTurn
from ivr.evaluation.replay.call_history import CallHistory, CallSegment, HistoryTurn
from ivr.evaluation.replay.dialogue_replay import DialogueReplayer, heard_then
from ivr.evaluation.replay.diff import Attribution, DiffStep, ReplayReport
from ivr.evaluation.replay.engines import ReplayEngines
from ivr.evaluation.replay.recording import CallRecording
from ivr.store.audio_capture import capture_of

SPARE_S = 0.5
"""Seconds after the last turn that was taken: today's ear may be a little slower."""


def replay(
    story: CallHistory,
    recording: Path,
    office: Content,
    engines: ReplayEngines,
    moment: dt.datetime | None = None,
) -> list[ReplayReport]:
    """Every turn of a call, then and now.  Raises AudioError, RecogniserError, NluUnavailable.

    ``moment`` is the office's time; without it that of each turn.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as own:
        return own.run(_Replay(story, _Sounds(story, recording), office, engines, moment).run())


class _Sounds:
    """What the ear got in each part of a call, or else what Asterisk recorded of it."""

    def __init__(self, story: CallHistory, recording: Path) -> None:
        tape = capture_of(recording)
        self._story, self._recording = story, recording
        self._tapes = CallRecording.tapes(tape, story.ear) if story.ear and tape.exists() else {}

    def of(self, part: CallSegment) -> tuple[CallRecording, bool]:
        """The sound of a part, and whether it is what the ear got, sample for sample."""
        tape = self._tapes.get(part.seq)
        if tape is not None:
            last = max((turn.course.until for turn in part.turns if turn.course), default=0)
            return tape.lasting(last * FRAME_S + SPARE_S), True
        return self._whole, False

    @cached_property
    def _whole(self) -> CallRecording:
        last = max((turn.t for turn in self._story.turns), default=0.0)
        return CallRecording.read(self._recording).lasting(last + SPARE_S)


class _Replay:
    """One call under way."""

    def __init__(
        self,
        story: CallHistory,
        sounds: _Sounds,
        office: Content,
        engines: ReplayEngines,
        moment: dt.datetime | None,
    ) -> None:
        self._story, self._office, self._engines = story, office, engines
        self._leader = DialogueReplayer(story, office, moment)
        self._listeners = [
            AudioReplayer(*sounds.of(part), part.turns, engines, office) for part in story.parts
        ]

    async def run(self) -> list[ReplayReport]:
        """Turn by turn."""
        found: list[ReplayReport] = []
        before: HistoryTurn | None = None
        for turn in self._story.turns:
            walk = await self._walk(turn, before if before is None or before.part == turn.part else None)
            found.append(ReplayReport(self._story.call_id, turn, walk, diff.differences(turn, walk)))
            before = turn
        return found

    async def _walk(self, turn: HistoryTurn, before: HistoryTurn | None) -> Attribution:
        listened = ReplayedTurn(None)

        async def listen(question: AskedQuestion) -> CallerReply | None:
            nonlocal listened
            if _withheld(turn):
                listened = ReplayedTurn(heard_then(turn), same_sound=True)
            else:
                listened = await self._listeners[turn.part].turn(turn, before, question)
            return listened.heard

        was = turn.heard()
        now = await self._leader.outcome(turn, listen)
        meaning = await self._meaning(was)
        rules = await self._leader.outcome(turn, _gives(heard_then(turn) if _withheld(turn) else was))
        if same_meaning(was, meaning):
            meant = rules
        else:
            meant = await self._leader.outcome(turn, _gives(meaning))
        heard_now = listened.heard or CallerReply()
        return Attribution(
            then=DiffStep(dialogue_replay.then(turn), was),
            rules=DiffStep(rules, was),
            meaning=DiffStep(meant, meaning),
            now=DiffStep(now, was if _withheld(turn) else heard_now),
            listened=listened,
            known=was.intent is None or was.intent.name in self._office.faq.intents,
        )

    async def _meaning(self, heard: CallerReply) -> CallerReply:
        """The words of then with the meaning of today."""
        if not heard.text or heard.text == WITHHELD_NUMBER:
            return heard
        if self._office.emergency.heard(heard.text, heard.lang):
            return dataclasses.replace(heard, intent=None, urgent=True)
        intent = await self._engines.understand(heard.text, heard.lang)
        return dataclasses.replace(heard, intent=intent, urgent=False)


def same_meaning(one: CallerReply, other: CallerReply) -> bool:
    """Whether intent and its confidence are the same, as exactly as events keep them."""
    if one.intent is None or other.intent is None:
        return one.intent is other.intent and one.urgent == other.urgent
    close = abs(one.intent.confidence - other.intent.confidence) <= 0.0005001
    return one.intent.name == other.intent.name and close


def _withheld(turn: HistoryTurn) -> bool:
    """Whether the record keeps back what he said or keyed in: a telephone number."""
    return turn.key == WITHHELD_NUMBER or turn.heard().text == WITHHELD_NUMBER


def _gives(heard: CallerReply) -> dialogue_replay.HearTurn:
    async def ear(question: AskedQuestion) -> CallerReply:
        return heard

    return ear
