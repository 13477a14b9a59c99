"""The event loop whose clock jumps, which replays use too."""

from ivr.core.virtual_time import VirtualLoop

__all__ = ["VirtualLoop"]
