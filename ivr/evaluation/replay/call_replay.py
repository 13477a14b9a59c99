"""Replays one recorded call and compares every turn with the recorded one."""

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
from ivr.evaluation.replay.dialogue_replay import DialogueReplayer, HearTurn, recorded_reply
from ivr.evaluation.replay.diff import Attribution, DiffStep, ReplayReport
from ivr.evaluation.replay.engines import ReplayEngines
from ivr.evaluation.replay.recording import CallRecording
from ivr.store.audio_capture import capture_of

SPARE_S = 0.5
"""Seconds of audio after the last turn: today's listener may need a little longer."""


def replay(
    history: CallHistory,
    recording: Path,
    content: Content,
    engines: ReplayEngines,
    moment: dt.datetime | None = None,
) -> list[ReplayReport]:
    """Return a report on every turn of a call.

    history: the turns of the call.
    recording: its audio file; captured audio is expected beside it.
    content, engines: today's content, recogniser and intents.
    moment: the time at which the dialogue runs; by default the time of each turn.
    Raises AudioError, RecogniserError, NluUnavailable.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as own:
        return own.run(_Replay(history, _Recordings(history, recording), content, engines, moment).run())


class _Recordings:
    """The audio that the listener received in each segment of a call, or else Asterisk's recording."""

    def __init__(self, history: CallHistory, recording: Path) -> None:
        capture = capture_of(recording)
        self._history, self._recording = history, recording
        self._captures = (
            CallRecording.captures(capture, history.frame_counts)
            if history.frame_counts and capture.exists()
            else {}
        )

    def of(self, part: CallSegment) -> tuple[CallRecording, bool]:
        """Return the audio of a segment, and whether it is exactly what the listener received."""
        capture = self._captures.get(part.seq)
        if capture is not None:
            last = max((turn.trace.until for turn in part.turns if turn.trace), default=0)
            return capture.padded(last * FRAME_S + SPARE_S), True
        return self._whole, False

    @cached_property
    def _whole(self) -> CallRecording:
        last = max((turn.t for turn in self._history.turns), default=0.0)
        return CallRecording.read(self._recording).padded(last + SPARE_S)


class _Replay:
    """The replay of one call."""

    def __init__(
        self,
        history: CallHistory,
        recordings: _Recordings,
        content: Content,
        engines: ReplayEngines,
        moment: dt.datetime | None,
    ) -> None:
        self._history, self._content, self._engines = history, content, engines
        self._dialogue = DialogueReplayer(history, content, moment)
        self._audio = [
            AudioReplayer(*recordings.of(part), part.turns, engines, content) for part in history.parts
        ]

    async def run(self) -> list[ReplayReport]:
        """Replay turn by turn."""
        found: list[ReplayReport] = []
        before: HistoryTurn | None = None
        for turn in self._history.turns:
            attribution = await self._attributed(
                turn, before if before is None or before.part == turn.part else None
            )
            found.append(
                ReplayReport(self._history.call_id, turn, attribution, diff.differences(turn, attribution))
            )
            before = turn
        return found

    async def _attributed(self, turn: HistoryTurn, before: HistoryTurn | None) -> Attribution:
        """Replay ``turn`` with ever more of today's parts; ``before`` is the turn before it in its segment."""
        recorded = turn.heard()
        known_reply = recorded_reply(turn) if _withheld(turn) else recorded
        current, listened = await self._dialogue.outcome(turn, self._listens(turn, before))
        rules, _ = await self._dialogue.outcome(turn, _gives(ReplayedTurn(known_reply)))
        meaning = await self._meaning(recorded)
        meant = rules
        if not same_meaning(recorded, meaning):
            meant, _ = await self._dialogue.outcome(turn, _gives(ReplayedTurn(meaning)))
        heard_now = listened.heard or CallerReply()
        return Attribution(
            recorded=DiffStep(dialogue_replay.recorded_outcome(turn), recorded),
            rules=DiffStep(rules, recorded),
            meaning=DiffStep(meant, meaning),
            current=DiffStep(current, recorded if _withheld(turn) else heard_now),
            listened=listened,
            known=recorded.intent is None or recorded.intent.name in self._content.faq.intents,
        )

    def _listens(self, turn: HistoryTurn, before: HistoryTurn | None) -> HearTurn:
        """Today's listener on the recording; a withheld number is taken as it was given."""
        if _withheld(turn):
            return _gives(ReplayedTurn(recorded_reply(turn), same_sound=True))
        audio = self._audio[turn.part]
        return lambda question: audio.turn(turn, before, question)

    async def _meaning(self, heard: CallerReply) -> CallerReply:
        """Return the recorded words with today's meaning."""
        if not heard.text or heard.text == WITHHELD_NUMBER:
            return heard
        if self._content.emergency.heard(heard.text, heard.lang):
            return dataclasses.replace(heard, intent=None, urgent=True)
        intent = await self._engines.understand(heard.text, heard.lang)
        return dataclasses.replace(heard, intent=intent, urgent=False)


def same_meaning(one: CallerReply, other: CallerReply) -> bool:
    """Whether two replies have the same intent and confidence, to the three digits that events keep."""
    if one.intent is None or other.intent is None:
        return one.intent is other.intent and one.urgent == other.urgent
    close = abs(one.intent.confidence - other.intent.confidence) <= 0.0005001
    return one.intent.name == other.intent.name and close


def _withheld(turn: HistoryTurn) -> bool:
    """Whether the events withhold what the caller said or keyed in: a telephone number."""
    return turn.key == WITHHELD_NUMBER or turn.heard().text == WITHHELD_NUMBER


def _gives(listened: ReplayedTurn) -> HearTurn:
    async def hear(question: AskedQuestion) -> ReplayedTurn:
        return listened

    return hear
