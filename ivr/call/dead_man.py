"""The dead-man timer of a call: when nothing renews it, the dialplan takes the caller."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from ivr.asterisk.ari import Ari
from ivr.asterisk.ari_link import AriLink
from ivr.asterisk.parameters import PbxParameters
from ivr.core.errors import AriError

DEADMAN_S = PbxParameters.deadman_s
"""Seconds that a stuck call keeps its caller."""
HEARTBEAT_S = 2.0
"""Seconds between two renewals."""


class DeadManTimer:
    """Renews the absolute timeout of one channel.

    ari: the REST client.  link: the event socket.  channel_id: the caller's channel.
    """

    def __init__(self, ari: Ari, link: AriLink, channel_id: str) -> None:
        self._ari, self._link, self._channel_id = ari, link, channel_id
        self._lock = (
            asyncio.Lock()
        )  # one renewal at a time, and none between ``extended`` and its block's end

    async def run(self) -> None:
        """Renew the timer every ``HEARTBEAT_S`` while the channel is ours.

        Asterisk sets no variable while it records: a renewal during a recording takes effect at its end.
        """
        while await self._link.holds(self._channel_id):
            with contextlib.suppress(AriError):  # the session learns from events that a channel has gone
                async with self._lock:
                    await self._ari.renew(self._channel_id, DEADMAN_S)
            await asyncio.sleep(HEARTBEAT_S)

    @contextlib.asynccontextmanager
    async def extended(self, seconds: int) -> AsyncIterator[None]:
        """Set the timer to ``seconds`` and do not renew it within the block.  Raises AriError."""
        async with self._lock:
            await self._ari.renew(self._channel_id, seconds)
            yield
