"""Checks the golden calls against content that is about to be published."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Callable

from ivr.core.ports import free_port
from ivr.core.settings import Settings
from ivr.evaluation.replay import golden, jobs
from ivr.evaluation.replay.golden import Check
from ivr.nlu.serving import served

Progress = Callable[[int, int], None]


def broken(content: Settings, progress: Progress) -> list[Check]:
    """Return the expectations of all golden sets that do not hold with the content.

    content: settings whose root is the content to check; its model is trained.
    progress: called with the numbers of finished and of all calls after each call.
    Raises UsageError when the copy of a call is missing, ConfigError when a set cannot be read.
    """
    suites = [golden.load_suite(content, name) for name in golden.names(content)]
    todo = [(suite, job) for suite in suites for job in suite.jobs()]
    if not todo:
        return []
    staging = dataclasses.replace(content, rasa_url="", rasa_port=free_port())
    return asyncio.run(_broken(staging, suites, progress))


async def _broken(content: Settings, suites: list[golden.Suite], progress: Progress) -> list[Check]:
    async with served(content):
        running = dataclasses.replace(content, rasa_url=content.rasa)
        return await asyncio.to_thread(_checked, running, suites, progress)


def _checked(served: Settings, suites: list[golden.Suite], progress: Progress) -> list[Check]:
    """Replay each call once, even if several sets hold it."""
    calls = {job.call_id: job for suite in suites for job in suite.jobs()}
    results = []
    for result in jobs.replay_all(served, list(calls.values()), "", os.cpu_count() or 1, jobs.pool):
        results.append(result)
        progress(len(results), len(calls))
    return [check for suite in suites for check in golden.check(suite, results) if check.broken]
