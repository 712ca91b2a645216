"""How often each event type, address and user occurs, counted in bounded memory."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from security_logging.events.event import SecurityEvent
from security_logging.events.fields import UNKNOWN

CAPACITY = 20_000  # different values that are counted at a time


class Summary:
    """
    Counts events by type, address and user, and keeps the times of the first and the last.

    A line that stands for several events (`count=`) counts for all of them. An attacker can invent values without end:
    with more than `capacity` different ones the rarer half is dropped, so counts of rare values may be too low.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        """Begin to count at zero."""
        self.capacity = capacity
        self.total = 0
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.counters: dict[str, Counter[str]] = {name: Counter() for name in ("events", "addresses", "users")}

    def add(self, event: SecurityEvent) -> None:
        """Count the event."""
        weight = max(1, int(event.fields.get("count", 1)))
        self.total += weight
        self.first = min(self.first or event.time, event.time)
        self.last = max(self.last or event.time, event.time)
        values = {"events": event.type.name, "addresses": event.address, "users": event.fields.get("user")}
        for name, value in values.items():
            if value is not None and value != UNKNOWN:
                self._count(self.counters[name], str(value), weight)

    def top(self, name: str, number: int) -> list[tuple[str, int]]:
        """Return the most frequent values with their counts; equal ones in the order of the alphabet."""
        return sorted(self.counters[name].items(), key=lambda pair: (-pair[1], pair[0]))[:number]

    def _count(self, counter: Counter[str], value: str, weight: int) -> None:
        counter[value] += weight
        if len(counter) > self.capacity:
            for rare, _count in counter.most_common()[self.capacity // 2 :]:
                del counter[rare]
