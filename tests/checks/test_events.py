"""What is wrong in SECURITY_LOGGING_EVENTS."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004  # Django's name
from django.test import override_settings

from security_logging.checks.registry import check_settings

NAME = "SECURITY_LOGGING_EVENTS"
EXAMPLE = 'Write e.g. {"logout": False, "account.*": False}.'
NEITHER = "has a key that is neither an event nor a class of events"


def messages(switches: object) -> list[CheckMessage]:
    """Return what `manage.py check` says of the setting."""
    with override_settings(SECURITY_LOGGING_EVENTS=switches):
        return check_settings()


@pytest.mark.parametrize("switches", [{}, {"logout": False, "account.*": False, "login_failed": True}])
def test_right(switches: dict[str, bool]) -> None:
    """Names and classes with True or False are right."""
    assert messages(switches) == []


@pytest.mark.parametrize(
    ("switches", "message", "hint"),
    [
        (["login"], " is not a mapping: ['login'].", EXAMPLE),
        ({"log_out": False}, f" {NEITHER}: 'log_out'.", 'Did you mean "logout"?'),
        ({"account": False}, f" {NEITHER}: 'account'.", 'Did you mean "account.*"?'),
        ({"acount.*": False}, f" {NEITHER}: 'acount.*'.", 'Did you mean "account.*"?'),
        ({"logout": "no"}, "['logout'] is neither True nor False: 'no'.", EXAMPLE),
    ],
)
def test_wrong(switches: Any, message: str, hint: str) -> None:
    """A key or a value that switches nothing is an error, with what was probably meant."""
    assert messages(switches) == [Error(f"{NAME}{message}", hint=hint, id="security_logging.E201")]


def test_key_that_resembles_no_event() -> None:
    """A key that resembles no event is answered with the list of all."""
    (message,) = messages({"xyzzy": False})
    assert str(message.hint).startswith("The events are login, logout, login_failed, ")


@pytest.mark.parametrize(
    "switches",
    [
        {"login_failed": False},
        {"auth.*": False, "mfa_failed": True, "token_failed": True, "password_change_failed": True},
    ],
)
def test_counted_event(switches: dict[str, bool]) -> None:
    """An event that Fail2ban counts can be switched off, with a warning that Fail2ban then cannot ban for it."""
    assert messages(switches) == [
        Warning(
            f"{NAME} switches off an event that Fail2ban counts: 'login_failed'.",
            hint='Write {"login_failed": True}; while the event is off, Fail2ban cannot ban for it.',
            id="security_logging.W201",
        )
    ]
