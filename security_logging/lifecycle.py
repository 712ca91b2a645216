"""Forks and exits: a child process leaves its parent's queues alone, and no exit takes longer than the deadline."""

from __future__ import annotations

import atexit
import os
import sys
import time
from typing import Protocol
from weakref import WeakSet

DEADLINE = 2.0  # seconds that all queues of a process together may hold up its exit
# Their child processes leave without running atexit; each has a registry of its own for what is to be done then.
_FORKING_LIBRARIES = ("multiprocessing.util", "billiard.util")


class Finishing(Protocol):
    """What has something to finish at exit."""

    pid: int

    def finish(self, deadline: float) -> None:
        """Come to an end before `time.monotonic()` reaches the deadline."""

    def forget(self) -> None:
        """Let go what belongs to the parent process."""


_watched: WeakSet[Finishing] = WeakSet()


def watch(queue: Finishing) -> None:
    """Finish the queue when its process exits, and forget it in a forked child."""
    _watched.add(queue)
    for name in _FORKING_LIBRARIES:
        library = sys.modules.get(name)
        if library is not None:
            library.Finalize(None, finish_all, exitpriority=10)


@atexit.register
def finish_all() -> None:
    """Finish all queues of this process before one common deadline."""
    deadline = time.monotonic() + DEADLINE
    for queue in list(_watched):
        if queue.pid == os.getpid():
            queue.finish(deadline)


def _forget_all() -> None:
    for queue in list(_watched):
        queue.forget()
    _watched.clear()


os.register_at_fork(after_in_child=_forget_all)
