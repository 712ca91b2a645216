"""SECURITY_LOGGING_EVENTS switches events off."""

from __future__ import annotations

import logging

import pytest
from django.http import HttpRequest
from django.test import override_settings

from security_logging import log_event
from security_logging.events.event import SecurityEvent
from security_logging.events.type_registry import event_types
from security_logging.events.types import LOGIN, LOGOUT, PROBE, USER_CREATED, USER_DELETED
from security_logging.logger import events_of, is_wanted


@pytest.mark.parametrize(
    ("switches", "name", "expected"),
    [
        ({}, "login", True),
        ({"login": False}, "login", False),
        ({"login": False}, "logout", True),
        ({"account.*": False}, "user_created", False),
        ({"account.*": False}, "login", True),
        ({"account.*": False, "user_created": True}, "user_created", True),
        ({"account.*": False, "user_created": True}, "user_deleted", False),
        ({"auth.*": True, "login": False}, "login", False),
        ({"probe": False}, "probe", False),
        ({"probe": False}, "csrf_failed", True),
        ({"probe.*": False}, "csrf_failed", False),
        (None, "login", True),
        (["login"], "login", True),
    ],
)
def test_wanted(switches: object, name: str, expected: bool) -> None:
    """A name wins over its class; a setting that makes no sense costs no event."""
    kinds = {event_type.name: event_type for event_type in (LOGIN, LOGOUT, PROBE, USER_CREATED, USER_DELETED)}
    kind = kinds.get(name) or next(event_type for event_type in event_types() if event_type.name == name)
    with override_settings(SECURITY_LOGGING_EVENTS=switches):
        assert is_wanted(kind) == expected


@override_settings(SECURITY_LOGGING_EVENTS={"logout": False})
def test_switched_off(security_records: list[logging.LogRecord], captured: list[SecurityEvent]) -> None:
    """An event that is off is neither written nor signalled."""
    assert (log_event(LOGOUT), security_records, captured) == (None, [], [])


@override_settings(SECURITY_LOGGING_EVENTS={"logout": False})
def test_switched_off_still_counts_as_told() -> None:
    """What is off is known to have happened in the request: another watcher must not tell it under another name."""
    request = HttpRequest()
    log_event(LOGOUT, request)
    assert [event.type for event in events_of(request)] == [LOGOUT]
