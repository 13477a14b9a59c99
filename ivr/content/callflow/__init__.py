"""``dialplans/callflow.yml``: languages, keys, opening hours, advisers, limits, thresholds, the trunk.

Each section has a module; ``schema`` joins them.
"""

from ivr.content.callflow.advisers import Adviser, FallbackPhone, Handoff, Outbound, Spare
from ivr.content.callflow.callback import CallbackSettings
from ivr.content.callflow.fields import (
    CalendarDay,
    DtmfKey,
    Endpoint,
    Language,
    Seconds,
    Share,
    TelephoneNumber,
    TimeSpan,
    problem,
)
from ivr.content.callflow.gate import GateOverride, GateSettings, RecogniserThresholds
from ivr.content.callflow.hours import WEEKDAYS, Holidays, Hours, HoursException, Weekly, minutes
from ivr.content.callflow.languages import ControlKeys, LanguageEntry
from ivr.content.callflow.limits import Limits
from ivr.content.callflow.retention import RecordingSettings, RetentionSettings
from ivr.content.callflow.schema import FILE, Callflow, load_callflow, read
from ivr.content.callflow.trunk import Trunk
from ivr.content.callflow.voicemail import ReviewKeys, Voicemail

__all__ = [
    "Adviser",
    "CalendarDay",
    "CallbackSettings",
    "Callflow",
    "ControlKeys",
    "DtmfKey",
    "Endpoint",
    "FILE",
    "FallbackPhone",
    "GateOverride",
    "GateSettings",
    "Handoff",
    "Holidays",
    "Hours",
    "HoursException",
    "Language",
    "LanguageEntry",
    "Limits",
    "Outbound",
    "RecogniserThresholds",
    "RecordingSettings",
    "RetentionSettings",
    "ReviewKeys",
    "Seconds",
    "Share",
    "Spare",
    "TelephoneNumber",
    "TimeSpan",
    "Trunk",
    "Voicemail",
    "WEEKDAYS",
    "Weekly",
    "problem",
    "load_callflow",
    "minutes",
    "read",
]
