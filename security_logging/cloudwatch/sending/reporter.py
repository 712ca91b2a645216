"""Heartbeats, and the event that says when CloudWatch is late or events were lost."""

from __future__ import annotations

import time
from collections.abc import Callable

from security_logging.cloudwatch.batches import LogEvent
from security_logging.cloudwatch.counts import Counts
from security_logging.cloudwatch.sending import own_traffic
from security_logging.conf import conf
from security_logging.events import ecs
from security_logging.events.event import make_event
from security_logging.events.types import HEARTBEAT, LOGGING_DEGRADED
from security_logging.logger import log_event

_DEGRADED_INTERVAL = 60.0  # seconds between two reports


class Reporter:
    """
    Tell how the forwarding of one process is doing.

    A heartbeat goes to CloudWatch only: it is what the dead-man alarm waits for. `logging_degraded` goes the way of
    every event, thus into the local file too.
    """

    def __init__(self, sink: str, counts: Counts) -> None:
        """`sink` is the name in the events; the first heartbeat is due at once."""
        self._sink = sink
        self._counts = counts
        self._beaten, self._next_beat = counts.copy(), float("-inf")
        self._told, self._next_word = counts.copy(), float("-inf")

    def beat(self, send: Callable[[LogEvent], None], lag: int) -> None:
        """Send a heartbeat when one is due; `lag` is in seconds."""
        if not conf.CLOUDWATCH_HEARTBEAT or time.monotonic() < self._next_beat:
            return
        self._next_beat = time.monotonic() + conf.CLOUDWATCH_HEARTBEAT
        since, self._beaten = self._counts.since(self._beaten), self._counts.copy()
        event = make_event(
            HEARTBEAT,
            sink=self._sink,
            sent=since.sent + since.replayed,
            spooled=since.spooled,
            dropped=since.dropped,
            rejected=since.rejected,
            lag=lag,
        )
        send(LogEvent(timestamp=round(event.time.timestamp() * 1000), message=ecs.render_json(event)))

    def warn(self, detail: str, *, at_once: bool = False) -> None:
        """Log `logging_degraded` when events were spooled, rejected or lost since the last word, once a minute."""
        since = self._counts.since(self._told)
        if not (since.spooled or since.dropped or since.rejected):
            return
        if time.monotonic() < self._next_word and not at_once:
            return
        self._say(since, detail)

    def say_late(self, detail: str) -> None:
        """Log `logging_degraded` because nothing could be delivered for a while."""
        self._say(self._counts.since(self._told), detail)

    def _say(self, since: Counts, detail: str) -> None:
        self._next_word, self._told = time.monotonic() + _DEGRADED_INTERVAL, self._counts.copy()
        own_traffic.mark(False)  # this one is an event like any other
        log_event(
            LOGGING_DEGRADED,
            sink=self._sink,
            sent=since.sent,
            spooled=since.spooled,
            dropped=since.dropped,
            rejected=since.rejected,
            detail=detail or None,
        )
