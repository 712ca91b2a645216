"""Forks and exits: a child process leaves its parent's queues alone, and no exit takes longer than the deadline."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Protocol
from weakref import WeakSet

from security_logging.reports import attempt

DEADLINE = 2.0  # seconds that all queues of a process together may hold up its exit
# It closes its connections at SIGTERM and then raises the signal again, for the default to kill the process.
_KILLING_LIBRARY = "uvicorn.server"
# Their child processes leave without running atexit; each has a registry of its own for what is to be done then.
_FORKING_LIBRARIES = ("multiprocessing.util", "billiard.util")


class Finishing(Protocol):
    """What has something to finish at exit."""

    pid: int

    def finish(self, deadline: float) -> None:
        """Come to an end before `time.monotonic()` reaches the deadline."""

    def forget(self) -> None:
        """Let go what belongs to the parent process."""


_IMPORT_SECONDS = 10.0  # for which a fork waits; boto3 takes one or two, on a busy machine
_locks = {"import": threading.Lock()}
_forking = threading.local()
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
    """Finish all queues of this process before one common deadline; an error in one costs no other its end."""
    deadline = time.monotonic() + DEADLINE
    for queue in list(_watched):
        if queue.pid == os.getpid():
            attempt("exit", queue.finish, None, deadline)


def finish_at_sigterm() -> None:
    """
    Finish all queues of this process when SIGTERM is about to kill it; the process dies of the signal all the same.

    Nothing changes where SIGTERM is an ordinary exit already, and in threads, which must not touch signals.
    """
    if threading.current_thread() is threading.main_thread():
        before = signal.getsignal(signal.SIGTERM)
        if before is signal.SIG_DFL or getattr(before, "__module__", "") == _KILLING_LIBRARY:
            signal.signal(signal.SIGTERM, partial(_finish_and_pass_on, before))


def _finish_and_pass_on(before: object, number: int, frame: FrameType | None) -> None:
    if callable(before):
        before(number, frame)
        finish_all()
        return
    signal.signal(number, signal.SIG_DFL)
    try:
        finish_all()
    finally:  # whatever is raised here, by another signal perhaps: it would go on in the code that we interrupted
        signal.raise_signal(number)


@contextmanager
def importing() -> Iterator[None]:
    """
    Let no thread of this process fork inside the block, for as long as that can be waited for.

    A child that is made while another thread imports a module inherits half of it, and nobody who would finish it:
    gunicorn and Celery fork their workers in the very second in which they write their first log record.
    """
    with _locks["import"]:
        yield


def _forget_all() -> None:
    for queue in list(_watched):
        queue.forget()
    _watched.clear()


def _before_fork() -> None:
    _forking.has_lock = _locks["import"].acquire(timeout=_IMPORT_SECONDS)


def _after_fork() -> None:
    if _forking.has_lock:
        _locks["import"].release()


def _begin_as_child() -> None:
    _locks["import"] = threading.Lock()  # whoever may hold the old one is not in this process
    _forget_all()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_begin_as_child)
