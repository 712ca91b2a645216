"""What a queue reports about itself: heartbeats, and the event that says that messages are late or lost."""

from __future__ import annotations

import time
from collections.abc import Callable

from security_logging.events.event import SecurityEvent, make_event
from security_logging.events.types import HEARTBEAT, LOGGING_DEGRADED, EventType
from security_logging.internal.queue import own_traffic
from security_logging.internal.queue.counts import Counts

DEGRADED_INTERVAL = 60.0  # seconds between two reports of a failure
LOCAL_INTERVAL = 60.0  # seconds, at least, between two heartbeats of a queue in the local log
_log: list[Callable[..., object]] = []


def log_with(log_event: Callable[..., object]) -> None:
    """Write reports with `security_logging.log_event`; it stands above this room, so it is handed in."""
    _log[:] = [log_event]


class Reporter:
    """
    Report how the delivery of one process is doing.

    `logging_degraded` goes the way of every event. A heartbeat is sent to the queue's own destination, where an alarm
    may wait for it, and written to the local log, but to no other queue.
    """

    def __init__(self, sink: str, counts: Counts, clock: Callable[[], float] = time.monotonic) -> None:
        """`sink` is the name in the events; the first heartbeat is due at once."""
        self._sink, self._counts, self._clock = sink, counts, clock
        self._sent, self._next_sent = counts.copy(), float("-inf")
        self._local, self._next_local = counts.copy(), float("-inf")
        self._reported, self._next_report = counts.copy(), float("-inf")

    def heartbeat(self, interval: float, lag: int) -> SecurityEvent | None:
        """
        Return the heartbeat for the queue's own destination when one is due, else None.

        `interval` and `lag`, the age of what waits longest, are in seconds; an interval of 0 means never.
        """
        if not interval or self._clock() < self._next_sent:
            return None
        self._next_sent = self._clock() + interval
        since, self._sent = self._counts.since(self._sent), self._counts.copy()
        return make_event(HEARTBEAT, sink=self._sink, lag=lag, **_numbers(since))

    def log_heartbeat(self, lag: int, waiting: int) -> None:
        """Write a heartbeat to the local log, once a minute at most, and only when something was sent or waits."""
        if self._clock() < self._next_local:
            return
        since = self._counts.since(self._local)
        if not (waiting or any(_numbers(since).values())):
            return
        self._next_local, self._local = self._clock() + LOCAL_INTERVAL, self._counts.copy()
        _write(HEARTBEAT, sink=self._sink, lag=lag, **_numbers(since))

    def warn(self, detail: str, *, at_once: bool = False) -> None:
        """Log `logging_degraded` when messages were spooled, rejected or lost since the last one, once a minute."""
        since = self._counts.since(self._reported)
        is_due = at_once or self._clock() >= self._next_report
        if is_due and (since.spooled or since.dropped or since.rejected):
            self._warn(since, detail)

    def warn_late(self, detail: str) -> None:
        """Log `logging_degraded` because nothing could be delivered for a while."""
        self._warn(self._counts.since(self._reported), detail)

    def _warn(self, since: Counts, detail: str) -> None:
        self._next_report, self._reported = self._clock() + DEGRADED_INTERVAL, self._counts.copy()
        _write(LOGGING_DEGRADED, sink=self._sink, detail=detail or None, **_numbers(since))


def _numbers(since: Counts) -> dict[str, int]:
    sent = since.sent + since.replayed
    return {"sent": sent, "spooled": since.spooled, "dropped": since.dropped, "rejected": since.rejected}


def _write(event_type: EventType, **fields: object) -> None:
    with own_traffic.lifted():  # this one is an event like any other
        for log in _log:
            log(event_type, **fields)
