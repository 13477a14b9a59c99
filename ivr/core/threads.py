"""Work that blocks, from a coroutine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

R = TypeVar("R")


async def in_thread(look: Callable[[], R], within_s: float, otherwise: R) -> R:
    """Return what ``look`` returns in a thread, or ``otherwise`` when it takes longer than ``within_s`` seconds.

    A thread cannot be ended: ``look`` goes on, and its result is dropped.  Raises what ``look`` raises in time.
    """
    try:
        async with asyncio.timeout(within_s):
            return await asyncio.to_thread(look)
    except TimeoutError:
        return otherwise
