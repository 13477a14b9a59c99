"""The error tree, split by who can correct the error.

::

    IvrError                       one line for a person: what is wrong, where, what to do
    +-- UsageError                 the command line, or a file that it names, is wrong       (exit 2)
    +-- ConfigError                edited content or a setting is wrong; carries findings    (exit 1)
    +-- SetupError                 the machine lacks something; the line says what to install (exit 1)
    +-- AudioError                 audio cannot be read: empty, truncated, unknown format
    +-- UnusableFile               no regular file, or far too large: no further try can read it
    +-- EngineError                an engine failed
    |   +-- RecogniserError        speech to text
    |   |   +-- UnknownModel       a Whisper model of a shape that our decoder does not know
    |   +-- VoiceError             text to speech
    |   |   +-- NotRendered        a prompt that is not in the cache
    |   +-- NluUnavailable         Rasa does not answer, is slow, or answers something unusable
    +-- StoreError                 the database cannot be used as it is
    |   +-- NotStored              nothing of that name is stored
    |   +-- Refused                the present state forbids it; another person may have been faster
    +-- NotDelivered               a mail server or a webhook did not take a notification
    +-- AriError                   Asterisk's REST interface
    |   +-- AriUnavailable         no answer, 5xx or time-out: the outcome is unknown
    |   +-- AriNotFound            404: the channel or bridge is gone (usually the caller hung up)
    |   +-- AriConflict            409/422: the object is not in the state for it
    |   +-- AriRefused             400/401/403: the request or the password is wrong
    +-- AmiError                   Asterisk's manager interface does not answer or refuses
    +-- LinkLost                   the media or event socket was closed
    +-- CallEnded                  not a failure: the end of a conversation
        +-- CallerGone             the caller hung up
        +-- LeftToDialplan         the call continues in the dialplan (transfer, fallback)
"""

from __future__ import annotations

from collections.abc import Sequence


class IvrError(Exception):
    """Base of all errors; ``str()`` is one line for a person."""


class UsageError(IvrError):
    """The command line or a file named on it is wrong."""


class ConfigError(IvrError):
    """Edited content or a setting is wrong; ``findings`` holds one line for each fault."""

    def __init__(self, message: str, findings: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class SetupError(IvrError):
    """The machine lacks something that set-up or running needs."""


class AudioError(IvrError):
    """Audio that cannot be read."""


class UnusableFile(IvrError):
    """A file that no further try can read: no regular file, far too large, or with content of another kind."""


class EngineError(IvrError):
    """An engine failed."""


class RecogniserError(EngineError):
    """Speech to text failed."""


class UnknownModel(RecogniserError):
    """A Whisper model of a shape that our decoder does not know; plain faster-whisper may."""


class VoiceError(EngineError):
    """Text to speech failed."""


class NotRendered(VoiceError):
    """The prompt is not in the cache."""


class NluUnavailable(EngineError):
    """Rasa does not answer in time, or its answer is unusable."""


class StoreError(IvrError):
    """The database cannot be used as it is."""


class NotStored(StoreError):
    """Nothing of that name is in the store."""


class Refused(StoreError):
    """The present state forbids the change."""


class NotDelivered(IvrError):
    """A mail server or webhook did not take a notification; it is tried again."""


class AriError(IvrError):
    """Asterisk's REST interface refused or failed."""


class AriUnavailable(AriError):
    """No answer, 5xx or time-out: it is unknown whether the request took effect."""


class AriNotFound(AriError):
    """The channel, bridge or recording is gone."""


class AriConflict(AriError):
    """The object is not in a state for this verb."""


class AriRefused(AriError):
    """The request or the password is wrong."""


class AmiError(IvrError):
    """Asterisk's manager interface does not answer, or refused an action."""


class LinkLost(IvrError):
    """The media or event socket closed."""


class CallEnded(IvrError):
    """The end of a conversation; passes through the dialogue script."""


class CallerGone(CallEnded):
    """The caller hung up."""


class LeftToDialplan(CallEnded):
    """The call continues in the dialplan."""
