"""Calls callers back: it rings an adviser, and when they press 1 the dialplan calls the caller.

The called person presses 1 to be connected, so that a mailbox or a fax does not count as a talk.
The dialplan (context ``callback``) owns the call, so it goes on when this process ends.  The dialplan writes the
result to Asterisk's database, from which this job reads it after the adviser's channel has ended.  The dialled number
always comes from the store and is checked again.  Waiting callers come first.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import re
from functools import partial

from ivr.asterisk import queues
from ivr.asterisk.ami import Ami
from ivr.asterisk.ari import Ari
from ivr.asterisk.config import ARI_USER
from ivr.asterisk.contract import (
    CHANNEL_LANGUAGE,
    AstDbFamily,
    CallbackNote,
    ChannelVariable,
    DialplanContext,
    dial_string,
)
from ivr.console.context import Context
from ivr.console.jobs import callback_schedule
from ivr.content.callflow import Adviser
from ivr.content.callflow.opening import intervals
from ivr.core.errors import AmiError, AriError, AriUnavailable
from ivr.core.pbx_names import topic_sound
from ivr.core.vocabulary import AdviserState
from ivr.store import callbacks
from ivr.store.callbacks import Settled
from ivr.store.rows import CallbackRow
from ivr.store.states import AttemptResult, CallbackState

log = logging.getLogger(__name__)

EVERY_S = 2.0
APP = "accueil-callbacks"
RESULTS: dict[str, AttemptResult] = {
    "": AttemptResult.NO_ADVISER,
    CallbackNote.DECLINED: AttemptResult.DECLINED,
    CallbackNote.CALLING: AttemptResult.INTERRUPTED,
    "CANCEL": AttemptResult.DECLINED,
    CallbackNote.ASKED: AttemptResult.NOT_ACCEPTED,
    CallbackNote.ACCEPTED: AttemptResult.TALKED,
    "ANSWER": AttemptResult.NOT_ACCEPTED,
    "NOANSWER": AttemptResult.NO_ANSWER,
    "BUSY": AttemptResult.BUSY,
}
"""Status from the dialplan -> result of the attempt; any other status means unreachable."""


class CallbackDialler:
    """The job.  It polls the store every two seconds and may be killed at any moment."""

    name = "callbacks"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rules = context.callflow.callback
        self._open_on = partial(intervals, context.callflow.hours)
        settings = context.settings
        self._ari = Ari(settings.ari_url, ARI_USER, settings.secrets["ARI_PASSWORD"], APP)

    async def run(self) -> None:
        """Call back until cancelled."""
        if not self._context.callflow.trunk.host:
            log.warning("callbacks: callflow.yml has no trunk.host, so the staff must call back themselves")
        async with self._ari:
            while True:
                await self.once()
                await asyncio.sleep(EVERY_S)

    async def once(self) -> None:
        """Do one round: settle the ended calls, then decide about the other tasks."""
        tasks = await asyncio.to_thread(callbacks.pending, self._context.store)
        if not tasks:
            return
        try:
            async with queues.connect(self._context.settings) as ami:
                present = {channel.id for channel in await self._ari.channels()}
                for task in tasks:
                    if task.state == CallbackState.CALLING:
                        await self._follow(task, present, ami)
                await self._decide(tasks, ami)
        except (AriError, AmiError) as error:
            log.warning("callbacks wait: Asterisk does not answer (%s)", error)

    async def _decide(self, tasks: list[CallbackRow], ami: Ami) -> None:
        by_id = {task.id: task for task in tasks}
        store = self._context.store
        for decision in callback_schedule.due(tasks, self._context.now(), self._rules, self._open_on):
            match decision:
                case callback_schedule.PlaceCall(id=id):
                    if self._context.callflow.trunk.host:
                        await self._call(by_id[id], ami)
                case callback_schedule.Move(id=id, window=window):
                    log.warning("callback %s: its window has passed; it moves to the next one", id)
                    start, end = window.start.timestamp(), window.end.timestamp()
                    await asyncio.to_thread(callbacks.move, store, id, start, end)
                case callback_schedule.Close(id=id, why=why):
                    log.warning("callback %s is closed: %s", id, why)
                    await asyncio.to_thread(callbacks.close, store, id, why)

    async def _call(self, task: CallbackRow, ami: Ami) -> None:
        """Ring a free adviser who speaks the caller's language; the task waits when there is none."""
        adviser = await self._free_adviser(task.lang, ami)
        if adviser is None:
            return
        store, now = self._context.store, self._context.now().timestamp()
        attempt = await asyncio.to_thread(callbacks.begin, store, task.id, adviser.name, now)
        if attempt is None:
            return
        log.info("callback %s: ringing %s", task.id, adviser.name)
        try:
            await self._ari.originate_into(
                DialplanContext.CALLBACK,
                endpoint=dial_string(adviser.endpoint, adviser.number),
                channel_id=_channel_id(task, attempt),
                timeout_s=int(self._rules.adviser_ring_s),
                variables=self._variables(task, attempt, adviser),
            )
        except AriUnavailable:
            raise  # it is unknown whether the telephone rings; the next round finds out
        except AriError as error:
            log.error("callback %s: %s could not be rung (%s)", task.id, adviser.name, error)
            await self._settle(task, attempt, AttemptResult.NO_ADVISER)

    def _variables(self, task: CallbackRow, attempt: int, adviser: Adviser) -> dict[str, str]:
        number = task.number
        assert self._rules.allows(number) and re.fullmatch(r"\+\d+", number), "checked when due"
        topic = task.topic if re.fullmatch(r"[a-z0-9._-]+", task.topic) else ""
        return {
            ChannelVariable.CALLBACK: _key(task, attempt),
            ChannelVariable.CALLBACK_NUMBER: number,
            ChannelVariable.CALLBACK_LANG: task.lang,
            ChannelVariable.CALLBACK_TOPIC: f"&{topic_sound(topic)}" if topic else "",
            ChannelVariable.CALLBACK_RING: str(int(self._rules.caller_ring_s)),
            CHANNEL_LANGUAGE: adviser.languages[0],
        }

    async def _follow(self, task: CallbackRow, present: set[str], ami: Ami) -> None:
        """Settle a call that this process or an earlier one began, if it has ended."""
        attempts = await asyncio.to_thread(callbacks.attempts_of, self._context.store, task.id)
        attempt = attempts[-1].id
        if _channel_id(task, attempt) in present:
            return
        stored = await _stored_status(ami, _key(task, attempt))
        status, over, seconds = stored.partition(":")
        if not over and status in (CallbackNote.ASKED, CallbackNote.ACCEPTED):
            status = CallbackNote.CALLING  # Asterisk stopped before the end
        talked = float(seconds) if seconds.isdecimal() else 0.0
        await self._settle(task, attempt, RESULTS.get(status, AttemptResult.UNREACHABLE), talked)
        if stored:
            await ami.action("DBDel", Family=AstDbFamily.CALLBACK, Key=_key(task, attempt))

    async def _settle(
        self, task: CallbackRow, attempt: int, result: AttemptResult, seconds: float = 0.0
    ) -> None:
        log.info("callback %s: %s", task.id, result)
        pause = dt.timedelta(minutes=self._rules.pause_min)
        settled = (
            Settled(result, CallbackState.DONE, seconds, outcome="talked with the adviser")
            if result == AttemptResult.TALKED
            else Settled(result, CallbackState.OPEN, next_at=(self._context.now() + pause).timestamp())
        )
        await asyncio.to_thread(callbacks.settle, self._context.store, task.id, attempt, settled)

    async def _free_adviser(self, lang: str, ami: Ami) -> Adviser | None:
        """The first available adviser of the language, if no caller waits in one of their queues."""
        members, waiting = await queues.queue_status(ami)
        busy = {caller.queue for caller in waiting}
        available = [member for member in members if member.state == AdviserState.AVAILABLE]
        free = {member.id for member in available if not busy & set(member.queues)}
        advisers = self._context.callflow.advisers
        return next((one for one in advisers if lang in one.languages and one.id in free), None)


async def _stored_status(ami: Ami, key: str) -> str:
    """The status that the dialplan stored for an attempt; empty when it stored none."""
    try:
        found = await ami.listing("DBGet", Family=AstDbFamily.CALLBACK, Key=key)
    except AmiError:  # no such entry, or Asterisk does not answer; then the next action raises
        await ami.action("Ping")
        return ""
    return found[0].get("Val", "") if found else ""


def _channel_id(task: CallbackRow, attempt: int) -> str:
    return f"callback-{task.id}-{attempt}"


def _key(task: CallbackRow, attempt: int) -> str:
    return f"{task.id}-{attempt}"
