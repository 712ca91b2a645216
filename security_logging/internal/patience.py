"""How long a login may be held up by a pipe or a socket that is full."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable

PATIENCE = 0.02  # seconds for which a full pipe or socket is waited for
LAST_PATIENCE = 1.0  # seconds, the same for what is written when the process ends
_TRUCE = 1.0  # seconds in which one that stayed full is not waited for again


class Patience:
    """Waits for the room of one pipe or socket; safe to use from a signal handler."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with all patience; `clock` counts seconds."""
        self._clock = clock
        self._impatient_until = float("-inf")

    def has_room(self, file: int | socket.socket, seconds: float = PATIENCE) -> bool:
        """
        Tell whether the descriptor or socket takes something, at once or within the seconds.

        What stayed full is asked without waiting for a while, but for a caller who has more time than a login.
        """
        now = self._clock()
        if seconds <= PATIENCE and now < self._impatient_until:
            seconds = 0
        # Not select(), which knows no descriptor from 1024 on. Windows has only that.
        with getattr(selectors, "PollSelector", selectors.SelectSelector)() as selector:
            selector.register(file, selectors.EVENT_WRITE)
            if selector.select(seconds):
                return True
        if seconds:
            self._impatient_until = now + _TRUCE
        return False
