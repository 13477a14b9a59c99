"""The event loop whose clock jumps, which replays use too."""

from ivr.replay.clock import VirtualLoop

__all__ = ["VirtualLoop"]
