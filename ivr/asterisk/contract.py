"""The names that the program and the dialplan share, in one place.

``ivr.asterisk.config`` fills the templates of ``dialplans/asterisk`` with them.  Names that only the dialplan uses
stay in the templates; names that packages below this one need are in ``ivr.core.pbx_names`` and
``ivr.core.vocabulary``.
"""

from __future__ import annotations

from enum import StrEnum

from ivr.core import pbx_names
from ivr.core.audio import PHONE_RATE, WIDTH
from ivr.core.pbx_names import DeskSound, QueueKey
from ivr.core.vocabulary import AdviserState, Party, TransferDestination, TransferStatus

TRUNK = "trunk"
"""The endpoint of the operator."""
RETURN = "return"
"""First argument of StasisStart for a caller who comes back; the second is a ``TransferStatus``."""
ABSOLUTE_TIMEOUT = "TIMEOUT(absolute)"
"""The dead-man timer: when it expires, Asterisk continues at extension T (Asterisk's function TIMEOUT)."""
CHANNEL_LANGUAGE = "CHANNEL(language)"
ACCEPT_KEY = "1"
"""The key with which an adviser accepts a caller or a callback."""


class DialplanContext(StrEnum):
    """Contexts in which the program continues or begins a call."""

    HANDOFF = "handoff"
    CALLBACK = "callback"
    LOST = "lost"
    FALLBACK = "fallback"
    RING = "ring"


class ChannelVariable(StrEnum):
    """Variables of a caller's channel that the program sets or reads."""

    LANG = "IVR_LANG"
    QUEUE = "IVR_QUEUE"
    WHISPER = "IVR_WHISPER"
    WAIT = "IVR_WAIT"
    PRIO = "IVR_PRIO"
    TOLD = "IVR_TOLD"
    THEN = "IVR_THEN"
    WANTED = "IVR_WANTED"
    ANSWERED = "IVR_ANSWERED"
    SO_FAR = "IVR_SO_FAR"  # what the dialogue needs again when the caller comes back
    CALLBACK = "CALLBACK"
    CALLBACK_NUMBER = "CALLBACK_NUMBER"
    CALLBACK_LANG = "CALLBACK_LANG"
    CALLBACK_TOPIC = "CALLBACK_TOPIC"
    CALLBACK_RING = "CALLBACK_RING"
    RECORD = "RECORD"  # global: 1 while there is room on the disk to record calls
    CROWDED = "CROWDED"  # global: seconds since 1970 at which no worker had a place

    @property
    def value_of(self) -> str:
        """The variable's value in the dialplan: ``${NAME}``."""
        return f"${{{self}}}"

    @property
    def inherited(self) -> str:
        """The name under which it is set for the channels that this one makes, too: ``__NAME``."""
        return f"__{self}"


class AstDbFamily(StrEnum):
    """Families of Asterisk's database (AstDB)."""

    ADVISER = "adviser"  # state that an adviser has set, by id
    MISSED = "missed"  # calls that an adviser has missed in a row, by id
    HANDLED = "handled"  # how long callers take advisers: keys of ``HandlingKey``
    CALLBACK = "callback"  # what became of a callback attempt, by its key


class HandlingKey(StrEnum):
    """Keys of ``AstDbFamily.HANDLED``."""

    CALLERS = "callers"
    MEAN = "mean"
    SQUARE = "square"


class CallbackNote(StrEnum):
    """What the dialplan notes of a callback; where the caller's telephone did not answer, it notes DIALSTATUS."""

    DECLINED = "DECLINED"
    CALLING = "CALLING"
    ASKED = "ASKED"  # the caller's telephone has answered, nobody has pressed the key yet
    ACCEPTED = "ACCEPTED"  # the called person has pressed the key


class QueueVerb(StrEnum):
    """Events of the queue log that the dialplan writes, besides those of app_queue."""

    WANTED = "WANTED"
    RINGING = "RINGING"
    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    MISSED = "MISSED"
    OVER = "OVER"
    DECLINED = "DECLINED"
    BACK = "BACK"


class LastWordsFile(StrEnum):
    """DeskSound files, ``NAME-LANGUAGE``, that the dialplan plays when no worker has the caller."""

    WAIT = "wait"
    SENT = "sent"
    UNSENT = "unsent"
    FALLBACK = "fallback"
    CROWDED = "crowded"


NAMES: dict[str, object] = {
    "context": DialplanContext,
    "extension": TransferDestination,
    "var": ChannelVariable,
    "db": AstDbFamily,
    "handled": HandlingKey,
    "callback": CallbackNote,
    "status": TransferStatus,
    "state": AdviserState,
    "verb": QueueVerb,
    "party": Party,
    "queue_key": QueueKey,
    "sound": DeskSound,
    "last_words": LastWordsFile,
    "accept_key": ACCEPT_KEY,
    "return_arg": RETURN,
    "trunk": TRUNK,
    "queue_of": pbx_names.queue_of,
    "shortest_message_bytes": round(pbx_names.SHORTEST_FALLBACK_S * PHONE_RATE * WIDTH),
}
"""What the templates know these names by, under ``names``."""


def dial_string(endpoint: str, number: str) -> str:
    """What Dial() takes for a telephone: one of our endpoints, or a number behind the trunk."""
    return f"PJSIP/{endpoint}" if endpoint else f"PJSIP/{number}@{TRUNK}"


def interface(id: str) -> str:
    """What the queues ring for the telephone ``id``: the dialplan (context ``ring``)."""
    return f"Local/{id}@{DialplanContext.RING}/n"
