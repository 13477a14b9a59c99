"""Today's date where the office is."""

from __future__ import annotations

import datetime as dt

from ivr.core.errors import ConfigError
from ivr.core.settings import Settings


def today(settings: Settings) -> dt.date:
    """Today at the office, or the day that IVR_TODAY sets."""
    if settings.today:
        try:
            return dt.datetime.fromisoformat(settings.today).date()
        except ValueError:
            mend = "write a day such as 2027-01-31, or 2027-01-31T10:00"
            raise ConfigError(f"IVR_TODAY={settings.today}: {mend}") from None
    return dt.datetime.now().astimezone().date()
