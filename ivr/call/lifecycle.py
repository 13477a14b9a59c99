"""The states of one call in the application and the legal transitions between them.  Pure.

::

    ARRIVED --answered--> TALKING --transfer--> TRANSFERRING --channel left--> IN_DIALPLAN
                             |
                             +------hang up--> HANGING_UP ----channel left--> HUNG_UP --finish--> FINISHED
                             |
                             +-channel left--> GONE ---------------------------------finish--> FINISHED

After a failure ``FALL_BACK`` leads from any state in which the caller is still there to ``IN_DIALPLAN``.

An event of the channel may overtake the reply to a request, and a hang-up may overtake a request.  The table
therefore allows requests after the caller has gone: they change nothing, and Asterisk refuses them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class CallState(StrEnum):
    """Where a call is in its life."""

    ARRIVED = "arrived"
    """The channel is in the application, and the call is not answered yet."""
    TALKING = "talking"
    """The conversation runs."""
    TRANSFERRING = "transferring"
    """The application has asked Asterisk to continue in the dialplan with a transfer."""
    HANGING_UP = "hanging-up"
    """The application has asked Asterisk to end the call."""
    IN_DIALPLAN = "in-dialplan"
    """The dialplan has the caller.  The call may come back as a new session."""
    GONE = "gone"
    """The caller has hung up."""
    HUNG_UP = "hung-up"
    """The application has ended the call."""
    FINISHED = "finished"
    """The end of the call is noted."""


class CallEvent(StrEnum):
    """What happens to a call."""

    ANSWERED = "answered"
    TRANSFER = "transfer"
    """The application asks for a transfer."""
    HANG_UP = "hang-up"
    """The application asks for the end of the call."""
    CHANNEL_LEFT = "channel-left"
    """Asterisk reports that the channel has left the application."""
    CALLER_GONE = "caller-gone"
    """A request has shown that the channel does not exist."""
    FALL_BACK = "fall-back"
    """The conversation has failed, and the dialplan takes the caller."""
    FINISH = "finish"
    """The end of the call is noted."""


_S, _E = CallState, CallEvent
_LEAVES = {_E.CHANNEL_LEFT: _S.GONE, _E.CALLER_GONE: _S.GONE}
_FAILS = {_E.FALL_BACK: _S.IN_DIALPLAN}

TRANSITIONS: Mapping[CallState, Mapping[CallEvent, CallState]] = {
    _S.ARRIVED: {_E.ANSWERED: _S.TALKING, **_LEAVES, **_FAILS},
    _S.TALKING: {_E.TRANSFER: _S.TRANSFERRING, _E.HANG_UP: _S.HANGING_UP, **_LEAVES, **_FAILS},
    _S.TRANSFERRING: {_E.CHANNEL_LEFT: _S.IN_DIALPLAN, _E.CALLER_GONE: _S.GONE, **_FAILS},
    _S.HANGING_UP: {_E.CHANNEL_LEFT: _S.HUNG_UP, _E.CALLER_GONE: _S.HUNG_UP, **_FAILS},
    _S.IN_DIALPLAN: {_E.CHANNEL_LEFT: _S.IN_DIALPLAN, _E.CALLER_GONE: _S.GONE, **_FAILS},
    _S.GONE: {
        _E.ANSWERED: _S.GONE,
        _E.TRANSFER: _S.GONE,
        _E.HANG_UP: _S.GONE,
        **_LEAVES,
        _E.FINISH: _S.FINISHED,
    },
    _S.HUNG_UP: {_E.CHANNEL_LEFT: _S.HUNG_UP, _E.CALLER_GONE: _S.HUNG_UP, _E.FINISH: _S.FINISHED},
    _S.FINISHED: {},
}
"""State -> event -> next state.  What is not listed is illegal."""

CALLER_LEFT = frozenset({CallState.GONE, CallState.HUNG_UP, CallState.FINISHED})
"""States in which the caller is no longer connected."""


class IllegalTransition(RuntimeError):
    """An event that the state of the call does not allow: an error in the program."""


class Lifecycle:
    """The state of one call; it begins as ``ARRIVED``."""

    def __init__(self) -> None:
        self._state = CallState.ARRIVED

    @property
    def state(self) -> CallState:
        """The current state."""
        return self._state

    def on(self, event: CallEvent) -> CallState:
        """Apply ``event`` and return the next state; raises IllegalTransition where the table has none."""
        try:
            self._state = TRANSITIONS[self._state][event]
        except KeyError:
            raise IllegalTransition(f"{event} in state {self._state}") from None
        return self._state
