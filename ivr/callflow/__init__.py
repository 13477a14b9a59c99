"""dialplans/callflow.yml: languages, keys, opening hours, advisers, limits, thresholds, the trunk.

One module a section; ``file`` puts them together.
"""

from ivr.callflow.advisers import Adviser, Handoff, Outbound, Spare, Telephone
from ivr.callflow.callback import Callback
from ivr.callflow.fields import Day, Endpoint, Key, Language, Number, Seconds, Share, Span, fault
from ivr.callflow.file import FILE, Callflow, load_callflow, read
from ivr.callflow.gate import GateOverride, GateSettings, Heard
from ivr.callflow.hours import WEEKDAYS, Holidays, Hours, HoursException, Weekly, minutes
from ivr.callflow.languages import ControlKeys, LanguageEntry
from ivr.callflow.limits import Limits
from ivr.callflow.retention import Recording, Retention
from ivr.callflow.trunk import Trunk
from ivr.callflow.voicemail import ReviewKeys, Voicemail

__all__ = [
    "FILE", "WEEKDAYS", "Adviser", "Callback", "Callflow", "ControlKeys", "Day", "Endpoint",
    "GateOverride", "GateSettings", "Handoff", "Heard", "Holidays", "Hours", "HoursException", "Key",
    "Language", "LanguageEntry", "Limits", "Number", "Outbound", "Recording", "Retention", "ReviewKeys",
    "Seconds", "Share", "Span", "Spare", "Telephone", "Trunk", "Voicemail", "Weekly", "fault", "load_callflow",
    "minutes", "read",
]  # fmt: skip
