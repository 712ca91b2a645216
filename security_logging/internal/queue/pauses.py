"""The pauses between two attempts to deliver: they grow while attempts fail, up to a limit; the attempts never end."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

FIRST, LONGEST = 0.5, 30.0  # seconds


class Pauses:
    """When the next attempt is due."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with an attempt due at once; `clock` counts seconds."""
        self._clock = clock
        self._length = 0.0
        self._until = float("-inf")

    @property
    def are_needed(self) -> bool:
        """Whether the last attempt failed."""
        return self._length > 0

    @property
    def seconds_left(self) -> float:
        """Seconds until the next attempt is due; 0 when it is due now."""
        return max(0.0, self._until - self._clock())

    def failed(self) -> None:
        """Note that an attempt failed; the next pause is twice as long, at most LONGEST seconds."""
        self._length = min(2 * self._length or FIRST, LONGEST)
        # Drawn at random, so that many processes do not come back at once.
        self._until = self._clock() + self._length * random.uniform(0.75, 1)  # noqa: S311 (nothing to guess here)

    def succeeded(self) -> None:
        """Note that an attempt succeeded."""
        self._length, self._until = 0.0, float("-inf")
