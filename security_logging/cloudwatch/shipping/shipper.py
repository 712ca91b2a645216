"""Ship the JSON log to CloudWatch: each line at least once, even if this process or AWS fails."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

from security_logging.cloudwatch import names
from security_logging.cloudwatch.sending.batches import LogEvent
from security_logging.cloudwatch.sending.delivery import Delivery
from security_logging.cloudwatch.sending.handler import PIPELINE_STREAM
from security_logging.cloudwatch.shipping.documents import log_events
from security_logging.cloudwatch.shipping.log_file import LogFile
from security_logging.cloudwatch.shipping.shipper_state import ShipperState
from security_logging.conf import conf
from security_logging.events import ecs
from security_logging.internal.queue import own_traffic, refused
from security_logging.internal.queue.counts import Counts
from security_logging.internal.queue.message import Message
from security_logging.internal.queue.reporter import Reporter

POLL = 0.5  # seconds between two reads
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 30.0  # seconds
_SAID_LATE_AFTER = 60.0  # seconds of a failure until it is logged


class Progress(NamedTuple):
    """The progress of the shipper: events since its start, bytes still to be read."""

    events: int
    backlog: int


class Shipper:
    """
    Send the lines of a log file to CloudWatch, and save the position after each success.

    `wait` takes seconds and returns whether to stop; `say` takes the progress after each chunk. Events that CloudWatch
    refuses for good go to the dead-letter file; heartbeats are passed over. It needs memory for one chunk only.
    """

    def __init__(
        self,
        path: Path,
        directory: Path,
        delivery: Delivery,
        *,
        wait: Callable[[float], bool],
        say: Callable[[Progress], None] = lambda _progress: None,
    ) -> None:
        """Keep everything for `run`."""
        self.counts = Counts()
        self._path = path
        self._directory = directory
        self._delivery = delivery
        self._wait = wait
        self._say = say
        self._group = names.log_group()
        self._streams: dict[str, str] = {}
        self._state = ShipperState(directory, path)
        self._reporter = Reporter("cloudwatch_shipper", self.counts)
        self._oldest: int | None = None  # time of the first event that is not sent

    @property
    def lag(self) -> int:
        """Return by how many seconds the delivery is late."""
        return 0 if self._oldest is None else max(0, int(time.time() - self._oldest / 1000))

    def run(self, *, follow: bool) -> bool:
        """
        Ship the log, and with `follow` new lines, until `wait` says to stop; return whether everything is shipped.

        Raises AlreadyRunning if another shipper has the log, and OSError if the disk fails.
        """
        self._state.acquire()
        file = LogFile(self._path, self._state.load())
        own_traffic.mark(True)
        try:
            return self._run(file, follow=follow)
        finally:
            own_traffic.mark(False)
            file.close()
            self._state.release()

    def _run(self, file: LogFile, *, follow: bool) -> bool:
        is_noted = False
        while True:
            if not is_noted and file.open():  # so that the next start knows this file, even if it was renamed
                self._note(file)
                is_noted = True
            lines = file.read()
            if lines and not self._ship(lines):
                return False
            if lines:
                self._note(file)
                self._say(Progress(self.counts.sent, file.backlog))
            self._report()
            if lines:
                continue
            self._oldest = None
            if (not follow and not file.is_waiting) or self._wait(POLL):
                return not follow

    def _note(self, file: LogFile) -> None:
        self._state.save(file.position, sent=self.counts.sent, rejected=self.counts.rejected, gaps=file.gaps)

    def _ship(self, lines: bytes) -> bool:
        """Send the lines until all are sent or refused; return False if the waiting was ended."""
        todo: dict[str, list[LogEvent]] = defaultdict(list)
        for function, event in log_events(lines):
            todo[function].append(event)
        if not todo:  # empty lines
            return True
        self.counts.accepted += sum(map(len, todo.values()))
        self._oldest = min(events[0]["timestamp"] for events in todo.values())
        delays, failing_since, is_logged = _delays(), time.monotonic(), False
        while todo := self._attempt(todo):
            if time.monotonic() - failing_since > _SAID_LATE_AFTER and not is_logged:
                self._reporter.warn_late(self._delivery.error)
                is_logged = True
            if self._wait(next(delays)):
                return False
        return True

    def _attempt(self, todo: dict[str, list[LogEvent]]) -> dict[str, list[LogEvent]]:
        left = {}
        for function, events in todo.items():
            stream = self._stream(function)
            receipt = self._delivery.send(self._group, stream, events)
            if receipt.refused:
                refused.keep(self._directory, map(self._refused, repeat(stream), receipt.refused))
            self.counts.sent += len(receipt.sent)
            self.counts.rejected += len(receipt.refused)
            if receipt.unsent:
                left[function] = receipt.unsent
        return left

    def _refused(self, stream: str, found: tuple[LogEvent, str]) -> tuple[Message, str]:
        event, reason = found
        return Message(f"{self._group}:{stream}", event["timestamp"], event["message"]), reason

    def _report(self) -> None:
        heartbeat = self._reporter.heartbeat(conf.CLOUDWATCH_HEARTBEAT, self.lag)
        if heartbeat is not None:
            event = LogEvent(timestamp=round(heartbeat.time.timestamp() * 1000), message=ecs.render_json(heartbeat))
            self._delivery.send(self._group, self._stream(PIPELINE_STREAM), [event])
        self._reporter.log_heartbeat(self.lag, waiting=0)
        self._reporter.warn(self._delivery.error)

    def _stream(self, function: str) -> str:
        if function not in self._streams:
            self._streams[function] = names.log_stream(function)
        return self._streams[function]


def _delays() -> Iterator[float]:
    """Yield growing, random delays, so that several shippers do not try again at the same time."""
    limit = _FIRST_DELAY
    while True:
        yield limit * random.uniform(0.5, 1)  # noqa: S311  # it need not be hard to guess
        limit = min(limit * 2, _LONGEST_DELAY)
