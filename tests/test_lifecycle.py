"""Forks and exits, seen from inside one process."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from security_logging import lifecycle


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
