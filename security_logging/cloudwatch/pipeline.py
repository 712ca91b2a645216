"""The way of an event within one process: queue, watchtower, CloudWatch - or the spool."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from security_logging.cloudwatch import names
from security_logging.cloudwatch.batches import LogEvent
from security_logging.cloudwatch.counts import Counts
from security_logging.cloudwatch.credentials import connect
from security_logging.cloudwatch.directory import directory
from security_logging.cloudwatch.sender import Receipt, Sender
from security_logging.cloudwatch.sending import own_traffic
from security_logging.cloudwatch.sending.reporter import Reporter
from security_logging.cloudwatch.spool import Waiting
from security_logging.cloudwatch.store import Store
from security_logging.conf import conf
from security_logging.internal import process as lifecycle
from security_logging.internal.errors import report

if TYPE_CHECKING:
    from security_logging.cloudwatch.courier import Courier

_OVERFLOW = 200  # events that go to the spool together when the memory is full: one write for all
# Python lets a thread that wants to log wait for 5 ms when ours is at work. So ours works for about as long, and rests
# for long enough that less than one log call in a hundred meets it, however many there are.
_STRETCH, _REST = 400, 0.04  # events, seconds
_POLL = 0.005  # seconds; no lock or condition of the standard library survives both gevent and a fork
_PAUSE = 0.1  # seconds after an error of our own: what always fails shall not keep a processor busy
PIPELINE_STREAM = "pipeline"  # stands for {function} in the stream of the heartbeats


class Pipeline:
    """
    Carry events to CloudWatch without ever making the caller wait for it.

    Every accepted event stays in `_pending` until it is sent, spooled, rejected or dropped, whatever happens to the
    threads in between; so nothing is forgotten at exit. One pipeline belongs to the process that made it.
    """

    def __init__(self) -> None:
        """Read the settings; the thread starts with the first event."""
        self.pid = os.getpid()
        self.counts = Counts()
        self._group = names.log_group()
        self._limit = conf.CLOUDWATCH_QUEUE_LIMIT
        self._interval = conf.CLOUDWATCH_INTERVAL
        self._sender = Sender(connect)
        self._store = Store(directory, conf.CLOUDWATCH_SPOOL_LIMIT, self.counts)
        self._reporter = Reporter("cloudwatch_handler", self.counts)
        self._streams: dict[str, str] = {}
        self._pending: dict[int, Waiting] = {}  # by the identity of the message
        self._queue: deque[Waiting] = deque()
        self._settling = threading.RLock()  # a signal may interrupt who has it, and want it too
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()  # an Event is not for signal handlers: it has a lock
        self._stopping = False
        self._is_hurried = False  # somebody waits for us
        self._straight_to_disk = False
        self._start()

    def put(self, logger_name: str, timestamp: int, message: str) -> None:
        """Accept an event: milliseconds since 1970, and its line."""
        stream = self._streams.get(logger_name) or self._named(logger_name)
        if id(message) in self._pending:  # a formatter that returns the same object twice
            message += " "
        waiting = Waiting(self._group, stream, LogEvent(timestamp=timestamp, message=message))
        self.counts.accepted += 1
        if self._straight_to_disk:
            self._store.keep([waiting])
            return
        if len(self._pending) >= self._limit and len(self._queue) >= _OVERFLOW:
            self._spool_oldest()
        self._pending[id(message)] = waiting
        self._queue.append(waiting)

    def drain(self, deadline: float) -> bool:
        """Wait until everything is settled or `time.monotonic()` reaches the deadline; tell which it was."""
        self._wake.put(None)
        while self._pending and not self._straight_to_disk and time.monotonic() < deadline:
            self._is_hurried = True
            time.sleep(_POLL)
        self._is_hurried = False
        with self._settling:  # what has left the memory has reached its place too
            return not self._pending

    def stop(self) -> None:
        """Take no further event, and end in the background once everything is settled."""
        self._stopping = True
        self._wake.put(None)

    def finish(self, deadline: float) -> None:
        """Settle everything until the deadline, spool the rest, and go straight to disk from then on."""
        self.drain(deadline)
        self.stop()
        self._give_up()
        if self.counts.dropped:
            self._reporter.warn(self._sender.error, at_once=True)
        self._store.close()

    def forget(self) -> None:
        """Leave everything to the parent process, in a child that a fork has made."""
        self._store.abandon()

    def _start(self) -> None:
        lifecycle.watch(self)
        thread = threading.Thread(target=self._run, name="security-logging-cloudwatch", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is shutting down
            self._straight_to_disk = True

    def _run(self) -> None:
        own_traffic.mark(True)
        try:
            # Here and not above: watchtower imports boto3, which no request shall wait for.
            with lifecycle.importing():
                from security_logging.cloudwatch.courier import Courier

            courier = Courier(self._group, self._settle)
            while not (self._stopping and not self._pending):
                self._try_turn(courier)
            courier.close()
            self._store.close()
        except Exception:  # noqa: BLE001  # without this thread nothing would be sent
            report("cloudwatch")
            self._give_up()

    def _try_turn(self, courier: Courier) -> None:
        try:
            self._turn(courier)
        except Exception:  # noqa: BLE001  # the next one may go well
            report("cloudwatch")
            time.sleep(_PAUSE)

    def _turn(self, courier: Courier) -> None:
        self._rest()
        # What watchtower holds is bounded too; the rest stays where a full memory can be spooled from.
        taken = 0
        while len(self._pending) - len(self._queue) < self._limit and (waiting := self._next()):
            self._hand_over(waiting, courier)
            taken += 1
            if taken % _STRETCH == 0 and not (self._is_hurried or self._stopping):
                time.sleep(_REST)
        courier.flush()
        courier.send_threadless()
        if not self._stopping and self._sender.is_available:
            self._store.replay(self._sender)
            self._reporter.beat(self._send_heartbeat, self._store.lag)
        self._reporter.warn(self._sender.error)
        own_traffic.mark(True)

    def _rest(self) -> None:
        """Wait until somebody wakes us, an interval at most."""
        with suppress(queue.Empty):
            self._wake.get(timeout=self._interval)
            while True:  # woken twice is woken once
                self._wake.get_nowait()

    def _hand_over(self, waiting: Waiting, courier: Courier) -> None:
        try:
            courier.take(waiting)
        except Exception:  # noqa: BLE001  # the event is in no queue any more, and still ours
            report("cloudwatch")
            with self._settling:
                self._store.keep([waiting] if self._take(waiting.event) else [])

    def _next(self) -> Waiting | None:
        try:
            return self._queue.popleft()
        except IndexError:  # empty, or a full memory was just spooled
            return None

    def _send_heartbeat(self, event: LogEvent) -> None:
        # Not queued: one that is late is none, so nobody keeps it.
        self._sender.send(self._group, names.log_stream(PIPELINE_STREAM), [event])

    def _settle(self, stream: str, events: Sequence[LogEvent]) -> None:
        try:
            receipt = self._sender.send(self._group, stream, events)
        except Exception:  # noqa: BLE001  # the events are still ours
            report("cloudwatch")
            receipt = Receipt(unsent=list(events))
        with self._settling:
            self.counts.sent += sum(self._take(event) is not None for event in receipt.sent)
            refused = [(event, reason) for event, reason in receipt.refused if self._take(event)]
            unsent = [waiting for event in receipt.unsent if (waiting := self._take(event))]
            self._store.refuse(self._group, stream, refused)
            self._store.keep(unsent)

    def _take(self, event: LogEvent) -> Waiting | None:
        return self._pending.pop(id(event["message"]), None)

    def _spool_oldest(self) -> None:
        with self._settling:
            oldest: list[Waiting] = []
            while len(oldest) < _OVERFLOW and (waiting := self._next()):
                oldest.append(waiting)
            self._store.keep([waiting for waiting in oldest if self._take(waiting.event)])

    def _give_up(self) -> None:
        self._straight_to_disk = True
        with self._settling:
            rest = [waiting for key in list(self._pending) if (waiting := self._pending.pop(key, None))]
            self._queue.clear()
            self._store.keep(rest)

    def _named(self, logger_name: str) -> str:
        stream = self._streams[logger_name] = names.log_stream(logger_name)
        return stream
