"""The queue that a handler holds. Each process that logs has messages and a thread of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from weakref import WeakSet

from security_logging.internal import process as lifecycle
from security_logging.internal.queue import heartbeat
from security_logging.internal.queue.counts import Counts
from security_logging.internal.queue.message import Message
from security_logging.internal.queue.worker import Options, Worker

_queues: WeakSet[Queue] = WeakSet()


class Queue(heartbeat.Startable):
    """
    Take messages and never make the caller wait for their destination.

    A forked child begins with an empty queue; what waits at the fork is delivered by the parent.
    """

    def __init__(self, options: Callable[[], Options]) -> None:
        """`options` is called with the first message in each process, so that no setting is read before."""
        self._options = options
        self._workers: dict[int, Worker] = {}  # by process; the one of this process alone is used
        _queues.add(self)
        heartbeat.add(self)

    @property
    def counts(self) -> Counts:
        """What became of the messages of this process since the queue was closed last."""
        worker = self._own()
        return worker.outbox.counts.copy() if worker else Counts()

    @property
    def waiting(self) -> int:
        """How many messages of this process are not delivered yet."""
        worker = self._own()
        return worker.outbox.waiting if worker else 0

    def put(self, message: Message) -> None:
        """Accept the message; raises OSError, and counts it, when neither memory nor disk has room for it."""
        self._running().put(message)

    def start(self) -> None:
        """Start the thread without a message, for heartbeats."""
        self._running().start()

    def flush(self, deadline: float | None = None) -> bool:
        """
        Wait until everything is delivered or on disk, and return whether it is.

        The deadline is one of `time.monotonic()`; None is that of an exit. A destination that is away is not waited
        for.
        """
        worker = self._own()
        return worker is None or worker.flush(_default(deadline))

    def close(self, deadline: float | None = None) -> None:
        """Deliver what waits, or keep it elsewhere; a later message begins anew. The deadline is as for `flush`."""
        worker = self._workers.pop(os.getpid(), None)
        if worker is not None:
            worker.finish(_default(deadline))

    def stop(self) -> None:
        """Close the queue without waiting: what waits is delivered in the background."""
        worker = self._workers.pop(os.getpid(), None)
        if worker is not None:
            worker.stop()

    def forget_parents(self) -> None:
        """Let go of what the parent process has queued; a later process may have its number."""
        self._workers = {}

    def _running(self) -> Worker:
        own = self._own()
        # Two threads, or a signal handler, may come here at once: the first worker is that of all.
        return own or self._workers.setdefault(os.getpid(), Worker(self._options()))

    def _own(self) -> Worker | None:
        return self._workers.get(os.getpid())


def flush_queues() -> bool:
    """
    Wait until all that was logged in this process is delivered or on disk, 2 seconds at most; return whether it is.

    Call it before `os._exit()`, which ends a process without the steps of an ordinary exit.
    """
    deadline = _default(None)
    unfinished = [queue for queue in list(_queues) if not queue.flush(deadline)]
    return not unfinished


def _default(deadline: float | None) -> float:
    return time.monotonic() + lifecycle.DEADLINE if deadline is None else deadline


def _forget_parents() -> None:
    for queue in list(_queues):
        queue.forget_parents()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget_parents)
