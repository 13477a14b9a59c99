"""The jobs of the console.  Each is kept running independently of the others."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from ivr.console.context import Context
from ivr.console.jobs.callback_dialler import CallbackDialler
from ivr.console.jobs.content_expiry import ContentExpiry
from ivr.console.jobs.deliveries import Deliveries
from ivr.console.jobs.mail import MailJob
from ivr.console.jobs.notifier import StaffNotifier
from ivr.console.jobs.queue_log_follower import QueueLogFollower
from ivr.console.jobs.retention import RetentionJob
from ivr.console.jobs.traces import TracesJob
from ivr.console.jobs.untold import UntoldReport
from ivr.console.jobs.wait_announcements import WaitAnnouncements
from ivr.console.jobs.webhook import WebhookJob
from ivr.core.processes import RestartBackoff

log = logging.getLogger(__name__)

RESTART_MAX_S = 60.0


class ConsoleJob(Protocol):
    """A job that runs until it is cancelled.  It keeps its state in the store."""

    @property
    def name(self) -> str:
        """Name of the job in the log."""

    async def run(self) -> None:
        """Run until cancelled.  An exception is logged, and the job is started again after a pause."""


JOBS: tuple[Callable[[Context], ConsoleJob], ...] = (
    CallbackDialler,
    ContentExpiry,
    TracesJob,
    RetentionJob,
    QueueLogFollower,
    WaitAnnouncements,
    StaffNotifier,
    UntoldReport,
    lambda context: Deliveries(context, MailJob(context)),
    lambda context: Deliveries(context, WebhookJob(context)),
)
"""Every job, as a function that creates it."""


async def keep_running(make: Callable[[], ConsoleJob]) -> None:
    """Create a job with ``make`` and run it; restart it when it ends, with growing pauses while it fails at once."""
    restarts = RestartBackoff(RESTART_MAX_S)
    while True:
        restarts.begins()
        name = "a job"
        try:
            job = make()
            name = job.name
            await job.run()
            log.error("ALARM: %s ended by itself; starting it again", name)
        except SQLAlchemyError as error:  # without the message, which may hold a caller's words
            log.error("ALARM: %s: the store failed (%s); starting it again", name, type(error).__name__)
        except Exception:  # top of a job: a failure must not end the others
            log.exception("ALARM: %s failed; starting it again", name)
        await restarts.pause()
