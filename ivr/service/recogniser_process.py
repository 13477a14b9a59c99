"""Supervises the recogniser process of a worker group.

It survives worker restarts, so that models are not reloaded: loading takes some seconds, in which callers would wait.
"""

from __future__ import annotations

from ivr.core.settings import Settings
from ivr.service.child_process import RECOGNISER
from ivr.service.socket_process import SocketProcess


class RecogniserProcess(SocketProcess):
    """The process that ``ivr.speech.stt_remote`` asks at the socket ``path``."""

    def __init__(self, settings: Settings) -> None:
        """Prepare the recogniser of ``settings``."""
        super().__init__(settings, RECOGNISER, "recogniser", settings.recogniser_socket)
