"""Free ports of the loopback interface."""

from __future__ import annotations

import socket


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM, preferred: int = 0) -> int:
    """Return a free port of 127.0.0.1.

    kind: ``SOCK_STREAM`` for TCP, ``SOCK_DGRAM`` for UDP.
    preferred: port to return if it is free; 0: any.
    """
    if preferred and _is_free(kind, preferred):
        return preferred
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(kind: socket.SocketKind, port: int) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
