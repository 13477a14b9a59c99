"""dialplans/callflow.yml: languages, keys, opening hours, advisers, limits, thresholds, the trunk.

One module a section; ``file`` puts them together.
"""

from ivr.content.callflow.advisers import Adviser, Handoff, Outbound, Spare, Telephone
from ivr.content.callflow.callback import Callback
from ivr.content.callflow.fields import Day, Endpoint, Key, Language, Number, Seconds, Share, Span, fault
from ivr.content.callflow.gate import GateOverride, GateSettings, Heard
from ivr.content.callflow.hours import WEEKDAYS, Holidays, Hours, HoursException, Weekly, minutes
from ivr.content.callflow.languages import ControlKeys, LanguageEntry
from ivr.content.callflow.limits import Limits
from ivr.content.callflow.retention import Recording, Retention
from ivr.content.callflow.schema import FILE, Callflow, load_callflow, read
from ivr.content.callflow.trunk import Trunk
from ivr.content.callflow.voicemail import ReviewKeys, Voicemail

__all__ = [
    "FILE", "WEEKDAYS", "Adviser", "Callback", "Callflow", "ControlKeys", "Day", "Endpoint",
    "GateOverride", "GateSettings", "Handoff", "Heard", "Holidays", "Hours", "HoursException", "Key",
    "Language", "LanguageEntry", "Limits", "Number", "Outbound", "Recording", "Retention", "ReviewKeys",
    "Seconds", "Share", "Span", "Spare", "Telephone", "Trunk", "Voicemail", "Weekly", "fault", "load_callflow",
    "minutes", "read",
]  # fmt: skip
