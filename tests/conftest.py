"""What every test has at hand."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import hypothesis
import pytest
from django.core.checks.registry import registry
from django.core.signals import request_started

from clock import Clock
from requires import require_fail2ban
from security_logging.events import type_registry
from security_logging.events.event import SecurityEvent
from security_logging.internal.queue import heartbeat
from security_logging.logger import flood_control
from security_logging.testing import capture_events
from security_logging.watchers import startup

# A loaded machine is slow now and then; that is no failure of a property.
hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.load_profile("default")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test of the real Fail2ban where there is none; in CI fail it."""
    if item.get_closest_marker("real_fail2ban"):
        require_fail2ban()


class _Keeper(logging.Handler):
    """Keep the records as they come, so that a test sees what any handler would."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def security_records() -> Iterator[list[logging.LogRecord]]:
    """Yield the list that each record of the logger "security" and below is added to."""
    keeper = _Keeper()
    logger = logging.getLogger("security")
    logger.addHandler(keeper)
    yield keeper.records
    logger.removeHandler(keeper)


@pytest.fixture(autouse=True)
def _is_no_server() -> Iterator[None]:
    """Let no test make this process a server's for the next one: it would log its first request and send heartbeats."""
    request_started.disconnect(dispatch_uid=startup._UID)
    yield
    heartbeat._state["pid"] = 0


@pytest.fixture(autouse=True)
def _fresh_flood_control() -> None:
    """Let no test fold lines because of those of another."""
    flood_control.forget()


@pytest.fixture
def serving() -> None:
    """Have this process send heartbeats, as a server's does, until the test ends."""
    heartbeat.begin()


@pytest.fixture
def clock() -> Clock:
    """Return a clock that the test sets."""
    return Clock()


@pytest.fixture
def own_event_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget at the end of the test the event types that it registers."""
    monkeypatch.setattr(type_registry, "_registry", dict(type_registry._registry))


@pytest.fixture
def captured() -> Iterator[list[SecurityEvent]]:
    """Yield the list that each event logged during the test is added to."""
    with capture_events() as events:
        yield events


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Undo what a test has done to the loggers: Django 6.1 for one applies a LOGGING that a test overrides."""
    known = [
        logging.getLogger(),
        *(x for x in logging.Logger.manager.loggerDict.values() if isinstance(x, logging.Logger)),
    ]
    before = [(x, list(x.handlers), x.level, x.propagate, x.disabled) for x in known]
    yield
    for logger, handlers, level, propagate, disabled in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate, logger.disabled = propagate, disabled


@pytest.fixture(autouse=True)
def _checks_as_they_were() -> Iterator[None]:
    """Undo that the first handler for CloudWatch brings its system checks."""
    before = set(registry.registered_checks)
    yield
    registry.registered_checks = before
