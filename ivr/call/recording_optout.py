"""Stops the recording of a call that the caller refuses, and deletes what was recorded.

ARI has no verb for it, so the manager interface stops MixMonitor.  When that fails, a mark on the disk has the
recording deleted after the call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ivr.asterisk.ari_events import Channel
from ivr.asterisk.queues import connect
from ivr.core.errors import AmiError
from ivr.core.settings import Settings
from ivr.store import recordings

log = logging.getLogger(__name__)

RecordingOptOut = Callable[[Channel], Awaitable[None]]
"""Stops the recording of a caller's channel and deletes it."""


def recording_optout(settings: Settings) -> RecordingOptOut:
    """Return the opt-out for calls of the instance that ``settings`` describe."""

    async def stop(channel: Channel) -> None:
        try:  # first, and whatever the disk says: nothing more is recorded
            async with connect(settings) as ami:
                await ami.action("StopMixMonitor", Channel=channel.name)
        except AmiError as error:
            log.error(
                "ALARM: call %s: its recording goes on and is deleted afterwards: %s", channel.id, error
            )
        try:
            await asyncio.to_thread(recordings.refuse, settings, channel.id)
        except OSError as error:  # the store knows of the refusal too, and the collector asks it
            log.error("ALARM: call %s: its recording is deleted afterwards: %s", channel.id, error)

    return stop


async def nothing(channel: Channel) -> None:
    """Do nothing: calls are not recorded."""
