"""The thread that delivers the messages of one process, from the first one until the process ends."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from security_logging.events.event import SecurityEvent
from security_logging.internal import process as lifecycle
from security_logging.internal.errors import report
from security_logging.internal.queue import heartbeat, own_traffic
from security_logging.internal.queue.message import Message, Receipt, Transport
from security_logging.internal.queue.outbox import Outbox
from security_logging.internal.queue.pauses import Pauses
from security_logging.internal.queue.reporter import Reporter
from security_logging.internal.queue.store import Store

# Python lets a thread that wants to log wait for 5 ms while ours is at work. So ours works for about as long, and then
# rests for so long that less than one log call in a hundred meets it, however many there are.
REST = 0.04  # seconds
_POLL = 0.005  # seconds; no lock or condition of the standard library survives both gevent and a fork
_IDLE = 1.0  # seconds without a message after which the thread looks around
_SHORT_CHANCE = 0.1  # seconds that flush and exit wait for a destination that is away anyway
THREAD_NAME = "security-logging-queue"


class FullError(OSError):
    """Neither memory nor disk has room for the message, or the process is about to end."""


@dataclass(frozen=True)
class Options:
    """What differs from destination to destination; times are in seconds."""

    sink: str  # its name in heartbeats and `logging_degraded`
    transport: Callable[[], Transport]
    limit: int = 10_000  # messages in memory
    batch: int = 500  # messages in one delivery from memory
    interval: float = 0.0  # for which messages are gathered before a delivery
    store: Callable[[], Store] | None = None  # None: what does not fit into memory is refused
    heartbeat: Callable[[SecurityEvent], Message] | None = None  # renders it for the destination; None: not sent there
    heartbeat_interval: float = 60.0  # between two of them there; 0: never
    give_back: Callable[[list[Message]], None] | None = None  # takes what is lost when the process ends


class Worker:
    """
    Deliver the messages of the process that made it.

    With a store the thread writes each message to disk as soon as it gets it, and delivers from there; what the disk
    does not take is delivered from memory.
    """

    def __init__(self, options: Options) -> None:
        """Start nothing yet."""
        self.pid = os.getpid()
        self.outbox = Outbox(options.store() if options.store else None, options.limit, options.batch)
        self._options = options
        self._reporter = Reporter(options.sink, self.outbox.counts)
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()  # an Event has a lock, bad for signal handlers
        self._thread: threading.Thread | None = None
        self._start_pauses, self._pauses = Pauses(), Pauses()
        self._transport: Transport | None = None
        self._due: float | None = None  # when what waits is to be delivered
        self._error = ""
        self._is_stopping = self._is_hurried = False

    def put(self, message: Message) -> None:
        """Accept the message; raises FullError, which is counted, when there is no room for it."""
        if not self.outbox.add(message):
            raise FullError("the process ends" if self.outbox.is_closed else "the queue is full")
        if not self.outbox.is_closed:
            self.start()
            if self._thread is None:
                self.outbox.move_to_disk()
            self._ring()

    def start(self) -> None:
        """Start the thread unless it runs; where that fails, the next message tries again after a pause."""
        if self._thread is not None or self._is_stopping or self._start_pauses.seconds_left:
            return
        lifecycle.watch(self)
        self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # no more threads now, or none any more: the interpreter is shutting down
            self._thread = None
            self._start_pauses.failed()
            report("queue thread")
        else:
            self._start_pauses.succeeded()

    def flush(self, deadline: float) -> bool:
        """Wait until all is sent or on disk, or `time.monotonic()` reaches the deadline; return whether all is."""
        if self.outbox.waiting:
            self.start()
        if self._thread is None:
            self.outbox.move_to_disk()
        self._wait(self._is_settled, deadline)
        return self._is_settled()

    def stop(self) -> None:
        """End the thread once everything is delivered or kept elsewhere, without waiting for that."""
        self._is_stopping = True
        self._ring()
        if self._thread is None:
            self._give_up()

    def finish(self, deadline: float) -> None:
        """Deliver until the deadline, then keep the rest on disk or give it back; from now on all goes there."""
        if self.outbox.is_closed:
            return
        self.stop()
        self._wait(lambda: False, deadline)
        if not self.outbox.is_closed:
            self._give_up()

    def forget(self) -> None:
        """Leave everything to the parent process, in a child that a fork has made."""
        self.outbox.abandon()
        if self._transport is not None:
            self._transport.forget()

    def _wait(self, is_enough: Callable[[], bool], deadline: float) -> None:
        if self._pauses.are_needed and not self.outbox.has_store:
            deadline = min(deadline, time.monotonic() + _SHORT_CHANCE)
        self._is_hurried = True
        while not is_enough() and self._thread is not None and time.monotonic() < deadline:
            self._ring()
            time.sleep(_POLL)
        self._is_hurried = False

    def _is_settled(self) -> bool:
        is_away = self.outbox.has_store and self._pauses.are_needed
        return not (self.outbox.in_memory if is_away else self.outbox.waiting)

    def _give_up(self) -> None:
        rest = self.outbox.close(has_thread=self._thread is not None)
        if rest and self._options.give_back is not None:
            self._options.give_back(rest)
        elif rest:
            self._reporter.warn(self._error, at_once=True)

    def _ring(self) -> None:
        """Wake the thread. A signal handler may do so while the thread that it interrupts is doing it."""
        if self._bell.empty():
            self._bell.put(None)

    def _run(self) -> None:
        own_traffic.mark(True)
        try:
            self._work()
        finally:  # also when it is killed, as gevent does with a greenlet: the next message starts another one
            self._thread = None

    def _work(self) -> None:
        while not self._is_done():
            try:
                self._turn()
            except Exception:  # noqa: BLE001 (without this thread nothing would be sent)
                report("queue")
                time.sleep(_SHORT_CHANCE)
        if not self.outbox.is_closed:
            self._give_up()
        self._disconnect()
        self.outbox.close_store()

    def _is_done(self) -> bool:
        """Whether the thread is to end; when the destination is away, what waits is kept or given back without it."""
        return self.outbox.is_closed or (self._is_stopping and (not self.outbox.waiting or self._pauses.are_needed))

    def _turn(self) -> None:
        self._rest()
        if self._due is None and self.outbox.waiting:
            self._due = time.monotonic() + self._options.interval
        while self.outbox.move_to_disk() and self.outbox.in_memory:
            if not (self._is_hurried or self._is_stopping):
                time.sleep(REST)
        if self._is_time():
            self._deliver()
        self._report()

    def _rest(self) -> None:
        """Wait for a message, or until something else is due."""
        if not (self._is_hurried or self._is_stopping):
            time.sleep(REST / 2)  # many messages wake the thread once
        with suppress(queue.Empty):
            self._bell.get(timeout=self._seconds_to_wait())
            while True:
                self._bell.get_nowait()

    def _seconds_to_wait(self) -> float:
        if not self.outbox.waiting:
            return _IDLE
        due = 0.0 if self._due is None or self._pauses.are_needed else self._due - time.monotonic()
        return min(_IDLE, max(_POLL, due, self._pauses.seconds_left))

    def _is_time(self) -> bool:
        if self._pauses.seconds_left:
            return False
        is_due = self._due is None or time.monotonic() >= self._due
        return is_due or self._pauses.are_needed or self._is_hurried or self._is_stopping or self.outbox.is_full

    def _deliver(self) -> None:
        """Deliver what waits first; what is behind it has its turn next, after what has come meanwhile is on disk."""
        has_gone_well = self.outbox.deliver(self._send)
        self._due = time.monotonic() if has_gone_well and self.outbox.waiting else None
        if self._due is None:
            self._replay()

    def _replay(self) -> None:
        for orphan in self.outbox.orphans():
            while self._may_replay() and self.outbox.replay(orphan, self._send):
                self.outbox.move_to_disk()

    def _may_replay(self) -> bool:
        return not (self._is_stopping or self._pauses.are_needed or self.outbox.is_full)

    def _send(self, messages: Sequence[Message]) -> Receipt:
        """Deliver the messages; whatever the transport raises means that none arrived."""
        receipt = Receipt()
        if messages:  # lines that a crash has torn leave none
            receipt = self._attempt(messages)
            settled = {id(message) for message in receipt.sent} | {id(message) for message, _ in receipt.refused}
            receipt.unsent = [message for message in messages if id(message) not in settled]
        self._error = receipt.error
        self.outbox.is_late = bool(receipt.unsent)
        if receipt.unsent:
            self._pauses.failed()
            self.outbox.count_late()
        else:
            self._pauses.succeeded()
        return receipt

    def _attempt(self, messages: Sequence[Message]) -> Receipt:
        try:
            if self._transport is None:
                self._transport = self._options.transport()
            return self._transport.send(messages)
        except (Exception, SystemExit) as error:  # noqa: BLE001 (the messages are still ours)
            report(f"delivery to {self._options.sink}")
            self._disconnect()
            return Receipt(error=type(error).__name__)

    def _disconnect(self) -> None:
        with suppress(Exception):
            if self._transport is not None:
                self._transport.close()

    def _report(self) -> None:
        self._reporter.warn(self._error)
        if heartbeat.have_begun() and not self._is_stopping:
            self._send_heartbeat()
            self._reporter.log_heartbeat(self.outbox.lag, self.outbox.waiting)

    def _send_heartbeat(self) -> None:
        if self._options.heartbeat is not None and not self._pauses.seconds_left:
            event = self._reporter.heartbeat(self._options.heartbeat_interval, self.outbox.lag)
            if event is not None:
                self._send([self._options.heartbeat(event)])  # not queued: a late one would be none
