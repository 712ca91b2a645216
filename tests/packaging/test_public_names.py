"""What a project may import, and the signal that it may listen to."""

from __future__ import annotations

import logging

import pytest
from django.http import HttpRequest

import security_logging
from security_logging import EventType, log_event, register_event_type, security_event
from security_logging.events.event import SecurityEvent
from security_logging.events.types import LOGIN, LOGOUT
from security_logging.testing import capture_events

VOUCHER = EventType("shop_voucher_guessed", "probe", logging.WARNING, "A voucher was guessed.", ("user", "detail"))


@pytest.fixture
def voucher(own_event_types: None) -> EventType:
    """Return an event type that is registered for the time of the test."""
    return register_event_type(VOUCHER)


@pytest.mark.parametrize("name", security_logging.__all__)
def test_public_name(name: str) -> None:
    """Each public name is there when it is asked for."""
    assert getattr(security_logging, name) is not None


def test_no_such_name() -> None:
    """A name that is not public is an error like that of any module."""
    with pytest.raises(AttributeError, match="module 'security_logging' has no attribute 'nothing'"):
        security_logging.nothing  # noqa: B018 (asking is the test)


def test_own_event_type(voucher: EventType, captured: list[SecurityEvent]) -> None:
    """A project logs an event type of its own by name or by object."""
    log_event("shop_voucher_guessed", detail="X-1")
    log_event(voucher, detail="X-2")
    assert [(event.type, event.fields["detail"]) for event in captured] == [(VOUCHER, "X-1"), (VOUCHER, "X-2")]


def test_registered_twice(voucher: EventType) -> None:
    """Registering an equal type again gives the first one: a receiver chooses its sender by identity."""
    twin = EventType("shop_voucher_guessed", "probe", logging.WARNING, "A voucher was guessed.", ("user", "detail"))
    assert register_event_type(twin) is voucher


def test_signal_of_one_type() -> None:
    """A receiver may ask for events of one type only."""
    heard: list[tuple[EventType, HttpRequest | None]] = []

    def on_logout(sender: EventType, event: SecurityEvent, request: HttpRequest | None, **kwargs: object) -> None:
        heard.append((event.type, request))

    request = HttpRequest()
    security_event.connect(on_logout, sender=LOGOUT)
    log_event(LOGIN, request)
    log_event(LOGOUT, request)
    security_event.disconnect(on_logout, sender=LOGOUT)
    assert heard == [(LOGOUT, request)]


def test_signal_after_the_line(security_records: list[logging.LogRecord]) -> None:
    """The line is written before a receiver can do anything."""
    written: list[int] = []

    def count(sender: EventType, **kwargs: object) -> None:
        written.append(len(security_records))

    security_event.connect(count)
    log_event(LOGOUT)
    security_event.disconnect(count)
    assert written == [1]


def test_receiver_that_fails(captured: list[SecurityEvent], caplog: pytest.LogCaptureFixture) -> None:
    """A receiver's error is reported and goes no further."""

    def fail(sender: EventType, **kwargs: object) -> None:
        raise RuntimeError

    security_event.connect(fail)
    event = log_event(LOGOUT)
    security_event.disconnect(fail)
    assert (captured, [record.name for record in caplog.records if record.exc_info]) == ([event], ["django.dispatch"])


def test_nothing_after_the_block() -> None:
    """An event after the block is not captured."""
    with capture_events() as captured:
        log_event(LOGIN)
    log_event(LOGOUT)
    assert [event.type for event in captured] == [LOGIN]


def test_block_that_fails() -> None:
    """A block that fails leaves nothing listening."""
    with pytest.raises(ZeroDivisionError), capture_events() as captured:
        1 / 0  # noqa: B018 (fails on purpose)
    log_event(LOGOUT)
    assert captured == []
