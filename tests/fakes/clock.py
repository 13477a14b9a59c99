"""The event loop with a virtual clock, which replays also use."""

from ivr.core.virtual_time import VirtualLoop

__all__ = ["VirtualLoop"]
