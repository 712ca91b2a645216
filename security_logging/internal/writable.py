"""How long an event may wait until a pipe or a socket can be written to."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable

WAIT_SECONDS = 0.02  # for which a login waits for a full pipe or socket
EXIT_WAIT_SECONDS = 1.0  # the same for what is written when the process ends
_PAUSE_SECONDS = 1.0  # in which one that stayed full is not waited for again


class Writable:
    """Asks whether one pipe, socket or terminal can be written to; safe to use from a signal handler."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start ready to wait; `clock` counts seconds."""
        self._clock = clock
        self._paused_until = float("-inf")

    def wait(self, file: int | socket.socket, seconds: float = WAIT_SECONDS) -> bool:
        """
        Return whether the descriptor or socket can be written to, now or within the seconds.

        After it stayed full, it is asked without waiting for a while; a caller that may wait longer than a login does
        still waits.
        """
        now = self._clock()
        if seconds <= WAIT_SECONDS and now < self._paused_until:
            seconds = 0
        # Not select(), which knows no descriptor from 1024 on. Windows has only that.
        with getattr(selectors, "PollSelector", selectors.SelectSelector)() as selector:
            selector.register(file, selectors.EVENT_WRITE)
            if selector.select(seconds):
                return True
        if seconds:
            self._paused_until = now + _PAUSE_SECONDS
        return False
