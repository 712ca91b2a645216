"""Forks and exits, seen from inside one process."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import ModuleType

import pytest

from security_logging.internal import errors
from security_logging.internal import process as lifecycle


class Queue:
    """A queue that notes what it is told."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.told: list[str] = []

    def finish(self, deadline: float) -> None:
        self.told.append("finish")

    def forget(self) -> None:
        self.told.append("forget")


@pytest.fixture
def queue() -> Iterator[Queue]:
    """Yield a queue of this process that is watched."""
    made = Queue(os.getpid())
    lifecycle.watch(made)
    yield made
    lifecycle._watched.discard(made)


def test_exit(queue: Queue) -> None:
    """At the exit a queue is finished."""
    lifecycle.finish_all()
    assert queue.told == ["finish"]


@pytest.fixture
def broken(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have each queue raise once it is told to finish."""

    def finish(self: Queue, deadline: float) -> None:
        self.told.append("finish")
        raise OSError("Read-only file system")

    monkeypatch.setattr(Queue, "finish", finish)
    yield
    errors._reported.clear()


def test_exit_with_an_error(queue: Queue, broken: None) -> None:
    """A queue that fails keeps no other from its end."""
    other = Queue(os.getpid())
    lifecycle.watch(other)
    lifecycle.finish_all()
    assert (queue.told, other.told) == (["finish"], ["finish"])


def test_shutdown_of_a_celery_child(queue: Queue) -> None:
    """A child of a Celery worker says that it ends, and leaves by os._exit(): its queues are finished then."""
    from celery import signals  # type: ignore[import-untyped]  # it has none

    lifecycle.watch(queue)
    signals.worker_process_shutdown.send(sender=None, pid=os.getpid(), exitcode=0)
    assert queue.told == ["finish"]


def test_queue_of_another_process(queue: Queue) -> None:
    """A queue that came here by a fork is not this process' to finish."""
    queue.pid += 1
    lifecycle.finish_all()
    assert queue.told == []


def test_child(queue: Queue) -> None:
    """A child lets its parent's queues go, once and for all, and can import at once."""
    with lifecycle._locks["import"]:
        lifecycle._begin_as_child()
        with lifecycle.importing():
            lifecycle.finish_all()
    assert queue.told == ["forget"]


@pytest.fixture
def sigterm(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Put SIGTERM to its default, catch what would kill this process, and put everything back."""
    raised: list[int] = []
    monkeypatch.setattr(signal, "raise_signal", raised.append)
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield raised
    signal.signal(signal.SIGTERM, before)


def receive() -> None:
    """Do what happens when SIGTERM comes."""
    handler = signal.getsignal(signal.SIGTERM)
    assert callable(handler)
    handler(signal.SIGTERM, None)


def test_sigterm(queue: Queue, sigterm: list[int]) -> None:
    """SIGTERM finishes the queues and then kills as it would have."""
    lifecycle.finish_at_sigterm()
    receive()
    assert (queue.told, sigterm, signal.getsignal(signal.SIGTERM)) == (["finish"], [signal.SIGTERM], signal.SIG_DFL)


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_sigterm_with_an_error(
    queue: Queue, sigterm: list[int], monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """The process ends at SIGTERM also when finishing its queues fails."""

    def finish(deadline: float) -> None:
        raise error

    monkeypatch.setattr(queue, "finish", finish)
    lifecycle.finish_at_sigterm()
    with suppress(KeyboardInterrupt):  # the signal would have killed before
        receive()
    assert sigterm == [signal.SIGTERM]


@pytest.fixture
def spoken(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have last words noted where the queue notes what it is told."""
    monkeypatch.setattr(lifecycle, "_last_words", [])
    monkeypatch.setattr(lifecycle, "_at_sigterm", [])
    lifecycle.before_exit(lambda: queue.told.append("last words"))
    return queue.told


def test_last_words(spoken: list[str]) -> None:
    """What somebody still has to log is logged before the queues are finished."""
    lifecycle.finish_all()
    assert spoken == ["last words", "finish"]


def test_last_words_are_registered_once(spoken: list[str]) -> None:
    """Who registers again speaks once."""
    lifecycle.before_exit(lifecycle._last_words[0])
    lifecycle.finish_all()
    assert spoken == ["last words", "finish"]


@pytest.mark.parametrize("server", ["uvicorn.server", "waitress.server"])
def test_sigterm_of_a_server(
    spoken: list[str], sigterm: list[int], monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    """A server that SIGTERM would kill at once says its last words and finishes its queues before."""
    monkeypatch.setitem(sys.modules, server, ModuleType(server))
    lifecycle.speak_at_sigterm()
    receive()
    assert (spoken, sigterm) == (["last words", "finish"], [signal.SIGTERM])


def test_sigterm_of_a_command(sigterm: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is no such server keeps SIGTERM as it was."""
    for server in lifecycle._KILLED_SERVERS:
        monkeypatch.delitem(sys.modules, server, raising=False)
    lifecycle.speak_at_sigterm()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_last_words_under_uvicorn(spoken: list[str], sigterm: list[int], uvicorn: None) -> None:
    """While uvicorn serves its last requests the queues stay open for what these log."""
    lifecycle.speak_at_sigterm()
    receive()
    assert spoken == ["uvicorn", "last words"]


def test_handler_after_the_last_words(spoken: list[str], sigterm: list[int], uvicorn: None) -> None:
    """A handler that is made when the last words are registered already is finished too."""
    lifecycle.speak_at_sigterm()
    lifecycle.finish_at_sigterm()
    receive()
    assert spoken[0] == "uvicorn"
    assert spoken[-1] == "finish"


@pytest.fixture
def uvicorn(queue: Queue, sigterm: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have SIGTERM handled as uvicorn does."""

    def handle_exit(number: int, frame: object) -> None:
        queue.told.append("uvicorn")

    handle_exit.__module__ = "uvicorn.server"
    monkeypatch.setitem(sys.modules, "uvicorn.server", ModuleType("uvicorn.server"))
    signal.signal(signal.SIGTERM, handle_exit)


def test_sigterm_of_uvicorn(queue: Queue, sigterm: list[int], uvicorn: None) -> None:
    """Uvicorn gets its signal, and the queues are finished, since it will kill the process."""
    lifecycle.finish_at_sigterm()
    receive()
    assert (queue.told, sigterm) == (["uvicorn", "finish"], [])


def test_sigterm_of_others(sigterm: list[int]) -> None:
    """Who makes SIGTERM an ordinary exit, as gunicorn does, is left alone."""

    def theirs(number: int, frame: object) -> None:
        raise AssertionError

    signal.signal(signal.SIGTERM, theirs)
    lifecycle.finish_at_sigterm()
    assert signal.getsignal(signal.SIGTERM) is theirs


def test_sigterm_of_a_sub_interpreter(sigterm: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no signal can be handled although it is the main thread, nothing changes and nothing fails."""

    def refuse(*_: object) -> None:
        raise ValueError("signal only works in main thread of the main interpreter")

    monkeypatch.setattr(signal, "signal", refuse)
    lifecycle.finish_at_sigterm()
    monkeypatch.undo()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_sigterm_of_a_thread(sigterm: list[int]) -> None:
    """Where a site is set up in a thread, nothing changes and nothing fails."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lifecycle.finish_at_sigterm).result()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
