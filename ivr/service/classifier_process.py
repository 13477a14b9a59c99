"""Supervises the classifier process.  It survives worker restarts, so the model is not reloaded."""

from __future__ import annotations

from ivr.core.settings import Settings
from ivr.service.child_process import CLASSIFIER
from ivr.service.socket_process import SocketProcess


class ClassifierProcess(SocketProcess):
    """The process that ``ivr.nlu.client`` asks at the socket ``path``; it serves the content of ``settings``."""

    def __init__(self, settings: Settings) -> None:
        """Prepare the classifier of ``settings``."""
        super().__init__(settings, CLASSIFIER, "classifier", settings.classifier_socket)
