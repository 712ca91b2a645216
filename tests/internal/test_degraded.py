"""What handlers note about their destinations is told once a minute, with how often it was so."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from security_logging import log_event
from security_logging.events.event import SecurityEvent
from security_logging.internal import degraded
from security_logging.internal.degraded import due, note


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Yield the time in a list of one, and let nothing be noted before and after the test."""
    now = [1000.0]
    monkeypatch.setattr(degraded, "_next", {})
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    yield now
    degraded.noted.clear()


def test_once() -> None:
    """A note is due once."""
    note("file", "slow")
    assert (due(), due()) == ([("file", "slow")], [])


def test_once_a_minute(clock: list[float]) -> None:
    """Within a minute notes are counted, and the last of them is told afterwards."""
    note("file", "slow")
    due()
    note("file", "slower")
    note("file", "slowest")
    early = due()
    clock[0] += 61
    assert (early, due()) == ([], [("file", "slowest, 2 times")])


def test_sinks() -> None:
    """Each destination has its own minute."""
    note("file", "slow")
    due()
    note("other", "slow")
    assert due() == [("other", "slow")]


def test_event(captured: list[SecurityEvent]) -> None:
    """The next event is followed by one that tells it, which names no address."""
    note("file", "slow")
    log_event("login_failed", ip="203.0.113.7", user="alice")
    told = captured[1]
    assert (told.type.name, told.fields["sink"], told.fields["detail"], told.address) == (
        "logging_degraded",
        "file",
        "slow",
        "-",
    )


def test_switched_off(captured: list[SecurityEvent], settings: object) -> None:
    """A project that does not want that event does not get it."""
    settings.SECURITY_LOGGING_EVENTS = {"logging_degraded": False}  # type: ignore[attr-defined]  # of pytest-django
    note("file", "slow")
    log_event("login_failed", ip="203.0.113.7", user="alice")
    assert [event.type.name for event in captured] == ["login_failed"]


def test_fork() -> None:
    """What a process has noted its child does not tell again."""
    note("file", "slow")
    child = os.fork()
    if child == 0:
        os._exit(len(degraded.noted))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
