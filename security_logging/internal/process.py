"""Forks and exits: a child process leaves its parent's queues alone, and no exit takes longer than the deadline."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Protocol
from weakref import WeakSet

from security_logging.internal.errors import guarded

DEADLINE = 2.0  # seconds that all queues of a process together may hold up its exit
# It closes its connections at SIGTERM and then raises the signal again, for the default to kill the process.
_KILLING_LIBRARY = "uvicorn.server"
# Servers that are killed by SIGTERM, so that atexit is skipped; waitress leaves the signal to its default.
_KILLED_SERVERS = (_KILLING_LIBRARY, "waitress.server")
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
_asked = {"pid": 0}  # the process that has asked for its last words
_last_words: list[Callable[[], None]] = []
_at_sigterm: list[Callable[[], None]] = []  # in a process that goes on for a moment after SIGTERM


def before_exit(speak: Callable[[], None]) -> None:
    """Have `speak` log what it has kept back, before the queues of a process are finished; it may be called again."""
    if speak not in _last_words:
        _last_words.append(speak)


def watch(queue: Finishing) -> None:
    """Finish the queue when its process exits, and forget it in a forked child."""
    _watched.add(queue)
    _finish_in_children()


def speak_in_children() -> None:
    """Have the last words said in a child that leaves without atexit; each process has to ask for itself, once."""
    if _asked["pid"] != os.getpid():
        _asked["pid"] = os.getpid()
        _finish_in_children()


def _finish_in_children() -> None:
    for name in _FORKING_LIBRARIES:
        library = sys.modules.get(name)
        if library is not None:
            library.Finalize(None, finish_all, exitpriority=10)
    celery = sys.modules.get("celery.signals")
    if celery is not None:  # a child that a worker replaces after some tasks leaves by os._exit()
        celery.worker_process_shutdown.connect(_at_celery_shutdown, weak=False, dispatch_uid=__name__)


@atexit.register
def finish_all() -> None:
    """Finish all queues of this process before one common deadline; an error in one costs no other its end."""
    deadline = time.monotonic() + DEADLINE
    _say_last_words()
    for queue in list(_watched):
        if queue.pid == os.getpid():
            guarded("exit")(queue.finish)(deadline)


def _at_celery_shutdown(**kwargs: object) -> None:
    finish_all()


def finish_at_sigterm() -> None:
    """
    Finish all queues of this process when SIGTERM is about to kill it; the process dies of the signal all the same.

    Nothing changes where SIGTERM is an ordinary exit already, and in threads, which must not touch signals.
    """
    _prepare_for_sigterm(finish_all)


def speak_at_sigterm() -> None:
    """
    Have the last words said when SIGTERM is about to kill this process, if it is a server known to be killed by it.

    Nothing changes in any other process: a handler of Python's waits until the main thread is back from whatever it
    does in C, and so would a command that ends at once by default.
    """
    if not sys.modules.keys().isdisjoint(_KILLED_SERVERS):
        _prepare_for_sigterm(_say_last_words)


def _prepare_for_sigterm(work: Callable[[], None]) -> None:
    """Do the work after what a library does that will kill the process; where it is killed at once, finish it."""
    if threading.current_thread() is not threading.main_thread():
        return
    if work not in _at_sigterm:
        _at_sigterm.append(work)
    before = signal.getsignal(signal.SIGTERM)
    with suppress(ValueError):  # a sub-interpreter, as mod_wsgi has them, may set no signal in its main thread either
        if before is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _finish_and_die)
        elif callable(before) and getattr(before, "__module__", "") == _KILLING_LIBRARY:
            signal.signal(signal.SIGTERM, partial(_pass_on, before))


def _finish_and_die(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    try:
        finish_all()
    finally:  # whatever is raised here, by another signal perhaps: it would go on in the code that we interrupted
        signal.raise_signal(number)


def _pass_on(before: Callable[..., object], number: int, frame: FrameType | None) -> None:
    before(number, frame)
    for work in _at_sigterm:
        work()


def _say_last_words() -> None:
    for speak in _last_words:
        guarded("exit")(speak)()


@contextmanager
def importing() -> Iterator[None]:
    """
    Let no thread of this process fork inside the block, for as long as that can be waited for.

    A child that is made while another thread imports a module inherits half of it, and no thread that would finish it:
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
    _locks["import"] = threading.Lock()  # a thread that holds the old one is not in this process
    _forget_all()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_begin_as_child)
