"""SECURITY_LOGGING_EVENTS switches events off, and its checks find what would not work."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import override_settings

from security_logging import log_event
from security_logging.checks import events as event_checks
from security_logging.checks.registry import check_settings
from security_logging.events.event import SecurityEvent, event_types
from security_logging.events.types import LOGIN, LOGOUT, PROBE, USER_CREATED, USER_DELETED
from security_logging.logger import events_of, is_wanted

EXAMPLE = 'Write e.g. {"logout": False, "account.*": False}.'


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


@pytest.mark.parametrize("switches", [{}, {"logout": False, "account.*": False, "login_failed": True}])
def test_right(switches: dict[str, bool]) -> None:
    """Names and classes with True or False are right."""
    assert event_checks.switch_problems(switches) == []


@pytest.mark.parametrize(
    ("switches", "message", "value", "hint"),
    [
        (["login"], "is not a mapping", "['login']", EXAMPLE),
        ({"log_out": False}, "names no event and no class", "'log_out'", 'Did you mean "logout"?'),
        ({"account": False}, "names no event and no class", "'account'", 'Did you mean "account.*"?'),
        ({"acount.*": False}, "names no event and no class", "'acount.*'", 'Did you mean "account.*"?'),
        ({"logout": "no"}, "says neither True nor False of 'logout'", "'no'", EXAMPLE),
    ],
)
def test_wrong(switches: Any, message: str, value: str, hint: str) -> None:
    """What would switch nothing is an error, with what was meant."""
    problems = event_checks.switch_problems(switches)
    assert [(problem.message, problem.value, problem.hint, problem.is_error) for problem in problems] == [
        (message, value, hint, True)
    ]


def test_like_nothing() -> None:
    """A name that resembles none is answered with all there are."""
    (problem,) = event_checks.switch_problems({"xyzzy": False})
    assert problem.hint.startswith("The events are login, logout, login_failed, ")


@pytest.mark.parametrize(
    "switches", [{"login_failed": False}, {"auth.*": False, "mfa_failed": True, "token_failed": True}]
)
def test_switching_off_what_is_counted(switches: dict[str, bool]) -> None:
    """An event that Fail2ban counts can be switched off, with a warning: nobody is banned for it any more."""
    (problem,) = event_checks.switch_problems(switches)
    assert (problem.value, problem.is_error) == ("'login_failed'", False)


@override_settings(SECURITY_LOGGING_EVENTS={"log_out": False})
def test_check() -> None:
    """`manage.py check` says what is wrong, and what to write instead."""
    assert [(message.id, message.msg, message.hint) for message in check_settings()] == [
        (
            "security_logging.E201",
            "SECURITY_LOGGING_EVENTS names no event and no class: 'log_out'.",
            'Did you mean "logout"?',
        )
    ]
