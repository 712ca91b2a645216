"""Where heartbeats begin: in a process that serves requests, and not in the processes that it forks."""

from __future__ import annotations

import os
from collections.abc import Callable
from weakref import WeakSet

from security_logging.internal.errors import report

_state = {"pid": 0}
_queues: WeakSet[Startable] = WeakSet()
_at_begin: list[Callable[[], None]] = []


class Startable:
    """A queue, as far as this module knows it."""

    def start(self) -> None:
        """Start the thread of the queue in this process."""
        raise NotImplementedError


def add(queue: Startable) -> None:
    """Have the queue started when heartbeats begin; at once where they have begun."""
    _queues.add(queue)
    if have_begun():
        _do(queue.start)


def at_begin(work: Callable[[], None]) -> None:
    """Add a function to call when heartbeats begin in a process; adding it again changes nothing."""
    if work not in _at_begin:
        _at_begin.append(work)


def have_begun() -> bool:
    """Return whether this process sends heartbeats."""
    return _state["pid"] == os.getpid()


def begin() -> None:
    """
    Start the heartbeats of this process; doing it again changes nothing.

    Call it in a process that serves: a worker of a web server or of a task queue, or a shipper. A queue that nothing
    was logged to yet is started, so that its heartbeats say that the way is open.
    """
    if have_begun():
        return
    _state["pid"] = os.getpid()
    for work in [*(queue.start for queue in list(_queues)), *_at_begin]:
        _do(work)


def _do(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:  # noqa: BLE001 (a server must start without heartbeats)
        report("heartbeat")
