"""How much room there is on the disks where calls are recorded."""

from __future__ import annotations

import math
import shutil

from ivr.core.settings import Settings

MB = 1_000_000


def free_bytes(settings: Settings) -> float:
    """Free space, in bytes, where there is least of it: on the disk of Asterisk's spool, or of the state folder.

    A folder that is not there counts as empty.  Raises OSError.
    """
    places = [path for path in (settings.pbx, settings.state) if path.exists()]
    return min((shutil.disk_usage(path).free for path in places), default=math.inf)


def may_record(settings: Settings) -> bool:
    """Whether there is room for a recording, and for all messages besides."""
    try:
        return free_bytes(settings) >= settings.record_free_mb * MB
    except OSError:  # the disk is away: nothing can be recorded on it
        return False
