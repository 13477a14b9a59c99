"""Keeps room on the disk for messages: below a limit calls are not recorded, and old recordings go before their time.

Recordings take 200 MB an hour of ten callers.  They share the disk with messages, which must never lack it.
"""

from __future__ import annotations

import asyncio
import logging

from ivr.asterisk.ari import Ari
from ivr.asterisk.contract import ChannelVariable
from ivr.core.settings import Settings
from ivr.store import recordings, retention
from ivr.store.database import Store
from ivr.store.disk_space import MB, free_bytes

log = logging.getLogger(__name__)

SPARE = 1.1
"""Recording begins again with this many times the limit, so that it does not switch at every call."""
DELETED_AT_ONCE = 20
"""Recordings deleted in a round."""


def _tell(low: bool, free: float) -> None:
    if low:
        log.error(
            "ALARM: %d MB are free: calls are not recorded, and the oldest recordings are deleted; "
            "make room, or lower IVR_RECORD_FREE_MB",
            free // MB,
        )
    else:
        log.warning("%d MB are free again: calls are recorded", free // MB)


class DiskGuard:
    """Switches the recording of new calls off and on.

    ari: sets the dialplan's global variable.
    store: names the recordings that may go.
    """

    def __init__(self, settings: Settings, ari: Ari, store: Store) -> None:
        self._settings, self._ari, self._store = settings, ari, store
        self._low = False
        self._told = ""

    async def once(self) -> None:
        """Look at the disk; raises AriError, OSError or SQLAlchemyError."""
        free = await asyncio.to_thread(free_bytes, self._settings)
        limit = self._settings.record_free_mb * MB
        low = free < limit * (SPARE if self._low else 1.0)
        if low != self._low:
            _tell(low, free)
        self._low = low
        if low or self._told != "1":  # a reload of the dialplan switches it on
            self._told = "0" if low else "1"
            await self._ari.set_global(ChannelVariable.RECORD, self._told)
        if low:
            await asyncio.to_thread(self._make_room, limit * SPARE)

    def _make_room(self, wanted: float) -> None:
        """Delete the oldest recordings until there is room; calls on legal hold keep theirs."""
        count = 0
        while free_bytes(self._settings) < wanted and count < DELETED_AT_ONCE:
            file = retention.oldest_recording(self._store, self._settings.instance)
            if not file:
                break
            recordings.delete(self._settings, file)
            count += 1
        if count:
            log.warning(
                "%d recordings were deleted before their time, because the disk is nearly full", count
            )
