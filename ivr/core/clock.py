"""The time of day.  All code that asks for a date or an hour of the office asks here.

Durations are measured with ``time.monotonic`` or ``time.perf_counter`` where they are needed, and stored events
carry ``time.time_ns``: neither can be stopped for a trial.
"""

from __future__ import annotations

import datetime as dt

from ivr.core.errors import ConfigError
from ivr.core.settings import Settings


def now(settings: Settings, zone: dt.tzinfo) -> dt.datetime:
    """Return the time in ``zone``, or the moment at which IVR_TODAY stops the clock.

    Raises ConfigError when IVR_TODAY is not an ISO date or time.
    """
    return _stopped(settings, zone) or wall(zone)


def today(settings: Settings) -> dt.date:
    """Return today's date on this machine, or the day of IVR_TODAY; raises ConfigError as ``now`` does."""
    return (_stopped(settings, None) or dt.datetime.now().astimezone()).date()


def wall(zone: dt.tzinfo) -> dt.datetime:
    """Return the time in ``zone`` whatever IVR_TODAY says, to compare with stored events."""
    return dt.datetime.now(zone)


def _stopped(settings: Settings, zone: dt.tzinfo | None) -> dt.datetime | None:
    if not settings.today:
        return None
    try:
        return dt.datetime.fromisoformat(settings.today).replace(tzinfo=zone)
    except ValueError:
        hint = "write a day such as 2027-01-31, or 2027-01-31T10:00"
        raise ConfigError(f"IVR_TODAY={settings.today}: {hint}") from None
