"""A lock-out of the application never becomes a ban of its victim: the real packages, the real filter."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import Client

from attacked_site import counted, logging_to
from requires import require_fail2ban

pytestmark = pytest.mark.django_db

ATTACKER, ALICE, PROXY = "203.0.113.7", "203.0.113.8", "10.0.0.1"


def peer(request: HttpRequest) -> str:
    """Return the address that a package sees which knows of no proxy."""
    return str(request.META["REMOTE_ADDR"])


BY_NAME, BY_ADDRESS = {"AXES_LOCKOUT_PARAMETERS": ["username"]}, {"AXES_LOCKOUT_PARAMETERS": ["ip_address"]}
AXES = {"AXES_FAILURE_LIMIT": 3, "AXES_CLIENT_IP_CALLABLE": peer}
SHARED = {"ACCOUNT_RATE_LIMITS": {"login_failed": "3/m/ip"}}  # of the proxy, to allauth
PER_ACCOUNT = {"ACCOUNT_RATE_LIMITS": {"login_failed": "3/5m/key"}}

Post = Callable[[str, str, str], object]


def form(path: str, **headers: str) -> Post:
    """Return a function that posts a login form from an address behind our proxy."""

    def post(address: str, name: str, password: str) -> object:
        data = {"username": name, "login": name, "password": password}
        return Client(REMOTE_ADDR=PROXY).post(path, data, headers={"X-Forwarded-For": address, **headers})

    return post


def headless(address: str, name: str, password: str) -> object:
    """Log in by the API of allauth."""
    body = json.dumps({"username": name, "password": password})
    path, headers = "/_allauth/app/v1/auth/login", {"X-Forwarded-For": address}
    return Client(REMOTE_ADDR=PROXY).post(path, body, content_type="application/json", headers=headers)


PAGE, SCRIPT = form("/accounts/login/"), form("/accounts/login/", Accept="application/json")
VARIANTS: dict[str, tuple[dict[str, Any], Post, str]] = {
    "axes by user name": ({**AXES, **BY_NAME}, form("/login/"), "alice"),
    "axes by user name, admin": ({**AXES, **BY_NAME}, form("/admin/login/"), "alice"),
    "axes by user name, API": ({**AXES, **BY_NAME}, form("/api/token/"), "alice"),
    "axes by user name, allauth": ({**AXES, **BY_NAME}, PAGE, "alice"),
    "axes by address, behind a proxy": ({**AXES, **BY_ADDRESS}, form("/login/"), "bob"),
    "allauth of an account": (PER_ACCOUNT, PAGE, "alice"),
    "allauth of an account, script": (PER_ACCOUNT, SCRIPT, "alice"),
    "allauth of an account, headless": (PER_ACCOUNT, headless, "alice"),
    "allauth of an address, behind a proxy": (SHARED, PAGE, "bob"),
    "allauth of an address, headless": (SHARED, headless, "bob"),
}


@pytest.fixture(params=VARIANTS)
def log(request: pytest.FixtureRequest, alice: User, settings: Any, tmp_path: Path) -> Iterator[Path]:
    """Yield the log after an attacker has locked alice, and she has typed her right password six times."""
    require_fail2ban()
    changed, post, name = VARIANTS[request.param]
    for key, value in {**changed, "SECURITY_LOGGING_TRUSTED_PROXIES": [PROXY]}.items():
        setattr(settings, key, value)
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    with logging_to(tmp_path / "security.log") as path:
        for _ in range(4):
            post(ATTACKER, name, "wrong")
        for _ in range(6):
            post(ALICE, "alice", "right")
        yield path


def test_victim_of_a_lock(log: Path) -> None:
    """Fail2ban counts the attacker's checked guesses, nothing of alice, and all that was blocked in its own mode."""
    found = {mode: sorted(counted(log, mode)) for mode in ("normal", "admin", "locked")}
    of_the_attacker = [ATTACKER] * 3
    assert found == {
        "normal": of_the_attacker,
        "admin": of_the_attacker if "surface=admin" in log.read_text() else [],
        "locked": [ATTACKER, *[ALICE] * 6],
    }
