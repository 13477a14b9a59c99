"""The error tree, split by whose fault it is.

::

    IvrError                       one clear line for a person: what, where, what to do
    +-- UsageError                 bad command line or missing file the caller named          (exit 2)
    +-- ConfigError                what an administrator edits is wrong; carries findings     (exit 1)
    +-- SetupError                 the machine lacks something; the line says what to install (exit 1)
    +-- AudioError                 audio that cannot be read: empty, truncated, unknown format
    +-- EngineError                one of our engines failed
    |   +-- RecogniserError        speech to text
    |   |   +-- UnknownModel       a Whisper model of a shape that our decoder does not know
    |   +-- VoiceError             text to speech
    |   |   +-- NotRendered        a prompt that is not in the cache
    |   +-- NluUnavailable         Rasa away, slow or talking nonsense
    +-- StoreError                 the database cannot be used as it is
    |   +-- NotStored              nothing of that name is in it
    |   +-- Refused                not in the state it is in now; somebody else may have been quicker
    +-- NotDelivered               a mail server or a webhook did not take a notification
    +-- AriError                   Asterisk's REST interface
    |   +-- AriUnavailable         no answer, 5xx or time-out: the outcome is unknown
    |   +-- AriNotFound            404: the channel or bridge is gone (mostly: the caller hung up)
    |   +-- AriConflict            409/422: not in that state (lost claim, channel not in Stasis yet)
    |   +-- AriRefused             400/401/403: our request or password is wrong
    +-- AmiError                   Asterisk's manager interface is away or refused
    +-- LinkLost                   the media or event socket closed under us
    +-- CallEnded                  not a failure: how a conversation ends
        +-- CallerGone             the caller hung up
        +-- LeftToDialplan         the call was handed on to the dialplan (hand-off, fallback)
"""

from __future__ import annotations

from collections.abc import Sequence


class IvrError(Exception):
    """Base of all our errors; ``str()`` is one line for a person."""


class UsageError(IvrError):
    """The command line or a file named on it is wrong."""


class ConfigError(IvrError):
    """Something an administrator edits is wrong; ``findings`` holds one line each."""

    def __init__(self, message: str, findings: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class SetupError(IvrError):
    """The machine lacks something that set-up or running needs."""


class AudioError(IvrError):
    """Audio that cannot be read."""


class EngineError(IvrError):
    """One of the engines failed."""


class RecogniserError(EngineError):
    """Speech to text failed."""


class UnknownModel(RecogniserError):
    """A Whisper model of a shape that our decoder does not know; plain faster-whisper may."""


class VoiceError(EngineError):
    """Text to speech failed."""


class NotRendered(VoiceError):
    """The prompt is not in the cache."""


class NluUnavailable(EngineError):
    """Rasa is away, slow, or answered nonsense."""


class StoreError(IvrError):
    """The database cannot be used as it is."""


class NotStored(StoreError):
    """Nothing of that name is in the store."""


class Refused(StoreError):
    """The change is not possible in the state that the thing is in now."""


class NotDelivered(IvrError):
    """A notification was not taken by the one it was for; it is tried again."""


class AriError(IvrError):
    """Asterisk's REST interface refused or failed."""


class AriUnavailable(AriError):
    """No answer, 5xx or time-out: nobody knows whether it was done."""


class AriNotFound(AriError):
    """The channel, bridge or recording is gone."""


class AriConflict(AriError):
    """The object is not in a state for this verb."""


class AriRefused(AriError):
    """Our request or password is wrong."""


class AmiError(IvrError):
    """Asterisk's manager interface is away or refused an action."""


class LinkLost(IvrError):
    """The media or event socket closed."""


class CallEnded(IvrError):
    """How a conversation ends; raised through the dialogue script."""


class CallerGone(CallEnded):
    """The caller hung up."""


class LeftToDialplan(CallEnded):
    """The call goes on in the dialplan, without us."""
