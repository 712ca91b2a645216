"""django-axes: one line for a lock, and one for each attempt."""

from __future__ import annotations

from typing import Any

import pytest
from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth.models import User
from django.test import Client

from integrations.real_packages.conftest import ADDRESS, Lines
from security_logging.integrations import axes
from security_logging.watchers import logins

pytestmark = pytest.mark.django_db

FAILED = "login_failed surface=site reason=bad_credentials user=alice"
REFUSED = "login_blocked surface=site reason=locked user=alice"
LOCKED = "login_locked surface=site reason=too_many_failures user=alice"


@pytest.fixture(
    autouse=True, params=["axes.handlers.database.AxesDatabaseHandler", "axes.handlers.cache.AxesCacheHandler"]
)
def _limit(request: pytest.FixtureRequest, settings: Any) -> None:
    """Lock after three failures, whatever counts them."""
    settings.AXES_HANDLER = request.param
    settings.AXES_FAILURE_LIMIT = 3


def attempt(client: Client, word: str = "wrong", path: str = "/login/") -> int:
    """Try to log in; return the status."""
    return client.post(path, {"username": "alice", "login": "alice", "password": word}).status_code


@pytest.mark.parametrize("does_extend", [True, False])
def test_lock(client: Client, alice: User, lines: Lines, settings: Any, does_extend: bool) -> None:
    """The lock is one line when it begins; the attempts that it refuses are one line each."""
    settings.AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = does_extend
    for _ in range(6):
        attempt(client)
    assert sorted(lines()) == sorted([FAILED, FAILED, FAILED, LOCKED, REFUSED, REFUSED, REFUSED])


def test_right_password_while_locked(client: Client, alice: User, lines: Lines) -> None:
    """The right password is refused like any other: nobody has looked at it."""
    for _ in range(3):
        attempt(client)
    lines()
    assert (attempt(client, "right"), lines()) == (429, [REFUSED])


def test_second_lock(client: Client, alice: User, lines: Lines) -> None:
    """A lock that was lifted can begin anew, and is a line again."""
    for _ in range(3):
        attempt(client)
    AxesProxyHandler.reset_attempts(ip_address=ADDRESS)
    lines()
    for _ in range(3):
        attempt(client)
    assert sorted(lines()) == sorted([FAILED, FAILED, FAILED, LOCKED])


def test_lock_in_the_admin(client: Client, alice: User, lines: Lines) -> None:
    """The lines say on which surface it happened."""
    for _ in range(4):
        attempt(client, path="/admin/login/")
    assert sorted(line.split(" user")[0] for line in lines()) == sorted(
        [
            "login_failed surface=admin reason=bad_credentials",
            "login_failed surface=admin reason=bad_credentials",
            "login_failed surface=admin reason=bad_credentials",
            "login_locked surface=admin reason=too_many_failures",
            "login_blocked surface=admin reason=locked",
        ]
    )


def test_lock_of_an_api(client: Client, alice: User, lines: Lines) -> None:
    """With a request of Django REST framework it is the same."""
    data = {"username": "alice", "password": "wrong"}
    for _ in range(4):
        client.post("/api/token/", data, content_type="application/json")
    assert sorted(line.split(" user")[0] for line in lines()) == sorted(
        [
            "login_failed surface=api reason=bad_credentials",
            "login_failed surface=api reason=bad_credentials",
            "login_failed surface=api reason=bad_credentials",
            "login_locked surface=api reason=too_many_failures",
            "login_blocked surface=api reason=locked",
        ]
    )


def test_connected_once(client: Client, alice: User, lines: Lines) -> None:
    """Connecting again changes nothing."""
    watched = AxesProxyHandler.is_allowed
    axes.connect()
    assert AxesProxyHandler.is_allowed == watched
    for _ in range(3):
        attempt(client)
    assert lines().count(LOCKED) == 1


def test_failure_is_reported(client: Client, alice: User, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of ours changes no answer of axes."""
    monkeypatch.setattr(logins, "plain_request", lambda request: 1 / 0)
    statuses = [attempt(client) for _ in range(4)]
    assert (statuses, lines().count(FAILED)) == ([200, 200, 429, 429], 4)
