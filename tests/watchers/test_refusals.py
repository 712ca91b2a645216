"""Records of Django that say less than others, or more."""

from __future__ import annotations

import logging

import pytest
from django.core.exceptions import PermissionDenied
from django.test import RequestFactory, override_settings

from security_logging.events.event import SecurityEvent
from security_logging.logger import log_event
from security_logging.watchers.refusals import log_record


def record(name: str, message: str = "", *arguments: object, **extra: object) -> logging.LogRecord:
    """Return a record as Django's log_response makes it."""
    made = logging.LogRecord(name, logging.WARNING, __file__, 1, message, arguments, None)
    vars(made).update(extra)
    return made


def names(events: list[SecurityEvent]) -> list[str]:
    """Return event and reason of each."""
    return [f"{event.type.name} {event.fields['reason']}" for event in events]


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, None])
def test_without_a_request(status: int | None, captured: list[SecurityEvent]) -> None:
    """A record of django.request that names no request is somebody else's."""
    log_record(record("django.request", status_code=status, request=None))
    assert captured == []


def test_foreign_request(captured: list[SecurityEvent]) -> None:
    """Neither is one whose request is not Django's."""
    log_record(record("django.request", status_code=403, request="GET /"))
    assert captured == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("django.security.csrf", "csrf_failed -"),
        ("django.security.DisallowedHost", "disallowed_host -"),
        ("django.security.SuspiciousSession", "suspicious_request SuspiciousSession"),
        ("django.security.Odd Name", "suspicious_request Odd_Name"),
    ],
)
def test_security_without_a_request(name: str, expected: str, captured: list[SecurityEvent]) -> None:
    """A record of security is an event even without a request."""
    log_record(record(name))
    assert names(captured) == [expected]


@pytest.mark.parametrize(
    "event", ["login_failed", "login_locked", "mfa_failed", "token_failed", "rate_limited", "permission_denied"]
)
@pytest.mark.parametrize("status", [401, 403, 429])
def test_already_told(rf: RequestFactory, event: str, status: int, captured: list[SecurityEvent]) -> None:
    """The status of a request that was refused for a known reason is no second line."""
    request = rf.get("/")
    log_event(event, request)
    log_record(record("django.request", status_code=status, request=request))
    assert [found.type.name for found in captured] == [event]


def test_login_before_a_refusal(rf: RequestFactory, captured: list[SecurityEvent]) -> None:
    """A login in the same request, as with a password in each, does not hide that it was then refused."""
    request = rf.get("/")
    log_event("login", request)
    log_record(record("django.request", status_code=403, request=request))
    assert names(captured) == ["login -", "permission_denied forbidden"]


def test_django_ratelimit(rf: RequestFactory, monkeypatch: pytest.MonkeyPatch, captured: list[SecurityEvent]) -> None:
    """django-ratelimit refuses with an exception of its own."""
    ratelimited = type("Ratelimited", (PermissionDenied,), {"__module__": "django_ratelimit.exceptions"})
    refusal = record("django.request", status_code=403, request=rf.get("/"))
    refusal.exc_info = (ratelimited, ratelimited(), None)
    log_record(refusal)
    assert names(captured) == ["rate_limited too_many_requests"]


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("Origin checking failed - https://token.example does not match any trusted origins.", "origin"),
        ("Referer checking failed - no Referer.", "referer"),
        ("CSRF cookie not set.", "cookie"),
        ("CSRF token missing.", "token"),
        ("CSRF token from the 'X-Csrftoken' HTTP header has incorrect length.", "token"),
        ("a project's own words", "-"),
    ],
)
def test_why_csrf_failed(rf: RequestFactory, why: str, reason: str, captured: list[SecurityEvent]) -> None:
    """Of Django's words about CSRF one of ours is kept: theirs quote what the client has sent."""
    log_record(record("django.security.csrf", "Forbidden (%s): %s", why, "/", status_code=403, request=rf.post("/")))
    assert names(captured) == [f"csrf_failed {reason}"]


@pytest.mark.parametrize(
    ("use_forwarded", "headers", "detail"),
    [
        (False, {"Host": "a.example", "X-Forwarded-Host": "b.example"}, "a.example"),
        (True, {"Host": "a.example", "X-Forwarded-Host": "b.example"}, "b.example"),
        (True, {"Host": "a.example"}, "a.example"),
    ],
)
def test_named_host(
    rf: RequestFactory, use_forwarded: bool, headers: dict[str, str], detail: str, captured: list[SecurityEvent]
) -> None:
    """The host is the one that Django has looked at."""
    with override_settings(USE_X_FORWARDED_HOST=use_forwarded):
        log_record(record("django.security.DisallowedHost", request=rf.get("/", headers=headers), status_code=400))
    assert captured[0].fields["detail"] == detail
