"""A port for a server that a test starts, which no other test takes meanwhile."""

from __future__ import annotations

import atexit
import random
import socket
import sys

# Below the ports that Linux gives to clients and for port 0: none of those can take ours before the server does.
PORTS = range(15_000, 32_000)
_random = random.SystemRandom()  # pytest-randomly seeds the other one alike in each process


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens; no other test process gets it before this one ends."""
    while True:
        port = _random.choice(PORTS)
        if _is_free(port) and _reserve(port):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _reserve(port: int) -> bool:
    """Reserve the port by a name that Linux forgets with the process; return whether it was not reserved yet."""
    if sys.platform != "linux":
        return True
    reservation = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        reservation.bind(f"\0django-security-logging-port-{port}")
    except OSError:
        reservation.close()
        return False
    atexit.register(reservation.close)
    return True
