"""Attempts that nobody signals: what is read to tell them, and what is not."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory, override_settings

from security_logging.events.event import SecurityEvent
from security_logging.watchers.login_forms import log_untried

FORM = "application/x-www-form-urlencoded"


class BrokenPipe(BytesIO):
    """A body whose connection is lost."""

    def read(self, size: int | None = -1) -> bytes:
        """Fail as a server does."""
        raise OSError("connection lost")


def attempt(body: bytes, content_type: str = FORM, **meta: Any) -> HttpRequest:
    """Return a request whose body nobody has read yet."""
    return RequestFactory().generic("POST", "/", body, content_type, **meta)


def user_of(events: list[SecurityEvent]) -> object:
    """Return the user name of the only event."""
    assert len(events) == 1
    return events[0].fields.get("user", "no user")


def test_small_form_is_read(captured: list[SecurityEvent]) -> None:
    """The user name in a small form is logged although Django has not looked at it."""
    log_untried(attempt(b"username=alice"), "csrf", 403)
    assert user_of(captured) == "alice"


@pytest.mark.parametrize(("passed", "expected"), [(True, "login_failed"), (False, "crosssite_request")])
def test_mark_and_csrf_token(captured: list[SecurityEvent], passed: bool, expected: str) -> None:
    """Who has passed the CSRF check came from our own page, whatever else the request says."""
    request = attempt(b"username=alice", HTTP_SEC_FETCH_SITE="cross-site")
    request.csrf_processing_done = passed  # type: ignore[attr-defined]  # by CsrfViewMiddleware
    log_untried(request, "rejected_by_form", 200)
    assert [event.type.name for event in captured] == [expected]


def test_view_can_still_read_the_body(captured: list[SecurityEvent]) -> None:
    """Having looked, we leave body and form as they were."""
    request = attempt(b"username=alice")
    log_untried(request, "csrf", 403)
    assert (request.body, request.POST.get("username")) == (b"username=alice", "alice")


@pytest.mark.parametrize(
    "request_",
    [
        attempt(b"username=alice&x=" + b"x" * 10_000),
        attempt(b'{"username": "alice"}', "application/json"),
        attempt(b"username=alice", "multipart/form-data; boundary=x"),
        attempt(b"username=alice", CONTENT_LENGTH=""),
        attempt(b"username=alice", CONTENT_LENGTH="-1"),
        attempt(b"username=alice", CONTENT_LENGTH="\u0661\u0664"),
        attempt(b"username=alice", CONTENT_LENGTH="9" * 4500),
    ],
    ids=["long", "JSON", "with files", "no length", "negative length", "foreign digits", "absurd length"],
)
def test_other_bodies_are_not_read(request_: HttpRequest, captured: list[SecurityEvent]) -> None:
    """A body that would be work is left alone, and the attempt is logged without a name."""
    log_untried(request_, "csrf", 403)
    assert (user_of(captured), "_body" in vars(request_)) == ("no user", False)


def test_form_that_django_has_read(captured: list[SecurityEvent]) -> None:
    """A form that has been read anyway is looked at, however long it is."""
    request = attempt(b"username=alice&x=" + b"x" * 10_000)
    assert request.POST["username"] == "alice"
    log_untried(request, "csrf", 403)
    assert user_of(captured) == "alice"


@override_settings(DATA_UPLOAD_MAX_NUMBER_FIELDS=1)
def test_too_many_fields(captured: list[SecurityEvent]) -> None:
    """A form that Django refuses to read costs the name and not the line."""
    log_untried(attempt(b"username=alice&x=1&y=2"), "csrf", 403)
    assert user_of(captured) == "no user"


def test_lost_connection(captured: list[SecurityEvent]) -> None:
    """So does a connection that is lost."""
    request = attempt(b"username=alice")
    request._stream = BrokenPipe()  # where WSGIRequest keeps it
    log_untried(request, "csrf", 403)
    assert user_of(captured) == "no user"
