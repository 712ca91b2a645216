from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.test import Client, RequestFactory, override_settings

from security_logging.events.event import make_event
from security_logging.events.types import LOGIN_FAILED
from security_logging.formatters.security import event_of
from security_logging.internal.errors import internal_errors
from security_logging.watchers import prior_failures

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def _counting() -> Iterator[None]:
    prior_failures.counts.clear()
    with override_settings(SECURITY_LOGGING_PRIOR_FAILURES_WINDOW=3600):
        yield
    prior_failures.counts.clear()


@pytest.fixture(autouse=True)
def _alice() -> None:
    User.objects.create_user("alice", password=PASSWORD)
    User.objects.create_user("bob", password=PASSWORD)


def fail(count: int = 1, user: str = "alice", address: str = "203.0.113.7") -> None:
    """Fail to log in."""
    for _ in range(count):
        authenticate(RequestFactory().post("/", REMOTE_ADDR=address), username=user, password="wrong")


def login(records: list[logging.LogRecord], user: str = "alice", address: str = "203.0.113.7") -> Any:
    """Log in and return what the event says about failures before it."""
    request = RequestFactory().post("/", REMOTE_ADDR=address)
    user_logged_in.send(User, request=request, user=User.objects.get(username=user))
    event = event_of(records[-1])
    assert event is not None
    return event.fields.get("prior_failures")


def test_first_login(security_records: list[logging.LogRecord]) -> None:
    """A login without failures before it says so."""
    assert login(security_records) == 0


def test_failures_of_the_user(security_records: list[logging.LogRecord]) -> None:
    """Failures of the same user count, from whatever address."""
    fail(3, address="198.51.100.1")
    assert login(security_records) == 3


def test_failures_of_the_address(security_records: list[logging.LogRecord]) -> None:
    """Failures of the same address count, with whatever user: that is password spraying."""
    fail(2, user="alice")
    fail(2, user="carol")
    assert login(security_records, user="bob") == 4


def test_others(security_records: list[logging.LogRecord]) -> None:
    """Failures of another user from another address do not count."""
    fail(3, user="bob", address="198.51.100.1")
    assert login(security_records) == 0


def test_after_the_login(security_records: list[logging.LogRecord]) -> None:
    """A login forgets the failures of its user."""
    fail(3, address="198.51.100.1")
    login(security_records)
    assert login(security_records) == 0


def test_switched_off(security_records: list[logging.LogRecord]) -> None:
    """Without the setting nothing is counted, and the login says nothing."""
    internal_errors.clear()
    with override_settings(SECURITY_LOGGING_PRIOR_FAILURES_WINDOW=0):
        fail(3)
        found = login(security_records)
    assert (found, login(security_records), internal_errors) == (None, 0, {})


def test_hostile_name() -> None:
    """A name that no cache would take as a key is counted like any other."""
    hostile = "x" * 10_000 + "\n \ud800"
    prior_failures.count(hostile, make_event(LOGIN_FAILED))
    assert prior_failures.before_login(hostile, None) == 1


def test_unknown_address(security_records: list[logging.LogRecord]) -> None:
    """An address that is not proven is not counted: half the world may share it."""
    fail(3, user="bob", address="10.0.0.1")
    assert login(security_records, address="10.0.0.1") == 0


def test_without_a_request() -> None:
    """Without a request the user alone counts."""
    assert prior_failures.before_login("alice", None) == 0


@pytest.mark.parametrize("data", [{"username": "alice"}, {"username": "alice", "password": PASSWORD}])
def test_attempt_that_no_signal_tells(
    data: dict[str, str], client: Client, security_records: list[logging.LogRecord]
) -> None:
    """An empty password counts for the user, and so does the right one at an admin where she may not go."""
    client.post("/admin/login/", data)
    assert login(security_records, address="198.51.100.9") == 1


def test_request_of_another_site(client: Client, security_records: list[logging.LogRecord]) -> None:
    """What a hostile page makes her browser send is no failure of hers."""
    client.post("/accounts/login/", {"username": "alice"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert login(security_records, address="127.0.0.1") == 0


def test_failure_without_a_name() -> None:
    """Without a user name the address alone counts."""
    request = RequestFactory().post("/", REMOTE_ADDR="203.0.113.7")
    prior_failures.log_failure(LOGIN_FAILED, request, reason="csrf")
    assert prior_failures.before_login("alice", request) == 1
