"""Heartbeats: where they begin, where they go, and what they say."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

import pytest
from django.test import override_settings

from clock import Clock
from queue_destination import Destination
from security_logging.events.event import SecurityEvent, make_event
from security_logging.events.types import HEARTBEAT, LOGIN
from security_logging.internal import errors
from security_logging.internal.queue import heartbeat, own_traffic, reporter
from security_logging.internal.queue.counts import Counts
from security_logging.internal.queue.message import Message
from security_logging.internal.queue.per_process import Queue
from security_logging.internal.queue.reporter import Reporter
from security_logging.watchers import own_heartbeat
from waiting import wait_until

Make = Callable[..., Queue]


def heartbeats(captured: list[SecurityEvent]) -> list[dict[str, object]]:
    """Return the heartbeats in the local log."""
    return [dict(event.fields) for event in captured if event.type is HEARTBEAT]


@pytest.mark.usefixtures("serving")
def test_in_the_local_log(make: Make, captured: list[SecurityEvent]) -> None:
    """A queue that has sent something writes a heartbeat with its numbers to the local log, and no second one."""
    made = make()
    made.put(Message("", 1, "a"))
    assert wait_until(lambda: heartbeats(captured))
    made.put(Message("", 1, "b"))
    made.flush()
    [found] = heartbeats(captured)
    assert (found["sink"], found["sent"], found["dropped"]) == ("test", 1, 0)


@pytest.mark.usefixtures("serving")
def test_to_the_destination(make: Make, destination: Destination, captured: list[SecurityEvent]) -> None:
    """A queue that nothing was logged to sends heartbeats to its destination, and writes none to the local log."""
    make(heartbeat=lambda event: Message("", 1, event.type.name), heartbeat_interval=0.01)
    assert wait_until(lambda: destination.texts.count("heartbeat") >= 2)
    assert heartbeats(captured) == []


def test_none_before_the_begin(make: Make, destination: Destination, captured: list[SecurityEvent]) -> None:
    """A process that does not serve, such as a management command, sends what is logged and no heartbeat."""
    made = make(heartbeat=lambda event: Message("", 1, event.type.name))
    made.put(Message("", 1, "a"))
    made.flush()
    made.close()
    assert (destination.texts, heartbeats(captured)) == (["a"], [])


def test_begin_starts_queues(make: Make) -> None:
    """Queues that exist when a server's process begins are started then, those that come later at once."""
    first = make(heartbeat=lambda event: Message("", 1, "beat"))
    before = len(first._workers)
    heartbeat.begin()
    heartbeat.begin()
    try:
        assert (before, len(first._workers), len(make()._workers)) == (0, 1, 1)
    finally:
        heartbeat._state["pid"] = 0


def test_begin_with_an_error(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue that cannot be started keeps no server from starting, and is reported."""
    errors._reported.clear()

    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(heartbeat, "_at_begin", [fail])
    heartbeat.begin()
    heartbeat._state["pid"] = 0
    assert "heartbeat failed" in caplog.text


@pytest.mark.usefixtures("serving")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_child(make: Make) -> None:
    """A child of a process that serves is none until it says so."""
    child = os.fork()
    if child == 0:  # pragma: no cover (in the child)
        os._exit(1 if heartbeat.have_begun() else 0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_interval() -> None:
    """The heartbeat for the destination is due at once, then after each interval; an interval of 0 means never."""
    clock, counts = Clock(0.0), Counts()
    made = Reporter("test", counts, clock)
    first = made.heartbeat(60, 0)
    counts.sent += 2
    clock.now = 59
    too_early = made.heartbeat(60, 0)
    clock.now = 60
    second = made.heartbeat(60, 7)
    assert (first is not None, too_early, made.heartbeat(0, 0)) == (True, None, None)
    assert second is not None
    assert (second.fields["sent"], second.fields["lag"]) == (2, 7)


def test_local_interval(captured: list[SecurityEvent]) -> None:
    """In the local log there is one a minute at most, and none when nothing was sent or waits."""
    clock, counts = Clock(0.0), Counts()
    made = Reporter("test", counts, clock)
    made.log_heartbeat(0, waiting=0)
    counts.sent += 1
    made.log_heartbeat(0, waiting=0)
    counts.sent += 1
    clock.now = 59
    made.log_heartbeat(0, waiting=0)
    clock.now = 60
    made.log_heartbeat(0, waiting=0)
    clock.now = 120
    made.log_heartbeat(0, waiting=0)
    made.log_heartbeat(9, waiting=1)
    assert [(found["sent"], found["lag"]) for found in heartbeats(captured)] == [(1, 0), (1, 0), (0, 9)]


def test_warning_interval(captured: list[SecurityEvent]) -> None:
    """A failure is reported at once, then once a minute, and only when there is something new."""
    clock, counts = Clock(0.0), Counts()
    made = Reporter("test", counts, clock)
    for now, spooled in ((0, 1), (30, 1), (60, 0), (61, 0), (130, 0)):
        clock.now = now
        counts.spooled += spooled
        made.warn("no answer")
    made.warn_late("still none")
    assert [event.fields["spooled"] for event in captured] == [1, 1, 0]


@pytest.mark.parametrize(("event_type", "is_queued"), [(LOGIN, True), (HEARTBEAT, False)])
def test_no_other_queue(event_type: object, is_queued: bool) -> None:
    """A heartbeat in the local log goes to no queue; any other event does."""
    record = logging.makeLogRecord({"security_event": make_event(event_type)})  # type: ignore[arg-type]
    assert own_traffic.is_foreign(record) == is_queued


def test_without_django(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Django is set up nothing is written."""
    monkeypatch.setattr(reporter, "_log", [])
    Reporter("test", Counts(sent=1)).warn_late("x")


@pytest.mark.parametrize(("seconds", "count"), [(1, 1), (0, 0), ("x", 0), (-1, 0)])
def test_own_heartbeat(seconds: object, count: int, captured: list[SecurityEvent]) -> None:
    """A server process writes `heartbeat sink=file` where SECURITY_LOGGING_HEARTBEAT says how often."""
    with override_settings(SECURITY_LOGGING_HEARTBEAT=seconds):
        heartbeat.begin()
        try:
            assert wait_until(lambda: len(heartbeats(captured)) == count)
        finally:
            heartbeat._state["pid"] = 0
    with override_settings(SECURITY_LOGGING_HEARTBEAT=0):
        assert wait_until(lambda: not any(x.name == "security-logging-heartbeat" for x in threads()))
    assert [found["sink"] for found in heartbeats(captured)] == [own_heartbeat.SINK] * count


def threads() -> list[threading.Thread]:
    """Return the threads of this process."""
    return threading.enumerate()
