"""A caller who does not want to be recorded: Asterisk stops, and what it has recorded is deleted.

ARI has no verb for it, the manager interface has.  When Asterisk does not stop, the mark on the disk sees to it that
the recording is deleted after the call.
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


def recording_optout(settings: Settings) -> RecordingOptOut:
    """For calls of this instance."""

    async def unrecord(channel: Channel) -> None:
        await asyncio.to_thread(recordings.refuse, settings, channel.id)
        try:
            async with connect(settings) as ami:
                await ami.action("StopMixMonitor", Channel=channel.name)
        except AmiError as error:
            log.error(
                "ALARM: call %s: its recording goes on and is deleted afterwards: %s", channel.id, error
            )
        await asyncio.to_thread(recordings.forget, settings, channel.id)  # what was written meanwhile

    return unrecord


async def nothing(channel: Channel) -> None:
    """Where nothing is recorded."""
