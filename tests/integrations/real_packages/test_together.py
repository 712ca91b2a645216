"""All packages at once: one attempt is one line, and no secret is in any."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from canary import HEADERS, PASSWORD, QUERY, TOKEN, every_sink, leaks
from documented import blocks, shown
from integrations.real_packages.conftest import Lines
from security_logging.events.event import SecurityEvent

pytestmark = pytest.mark.django_db

BASIC = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
FORM = {
    "username": "alice",
    "login": "alice",
    "auth-username": "alice",
    "password": PASSWORD,
    "auth-password": PASSWORD,
}
WIZARD = {"login_view-current_step": "auth", **FORM}
OAUTH2 = {"client_id": "app", "client_secret": "c4nary-secret", "refresh_token": TOKEN, "code": "c4nary-code"}

Attempt = Callable[[Client], Any]

# Each of them is one attempt with a wrong credential.
ATTEMPTS: dict[str, Attempt] = {
    "django": lambda c: c.post(f"/login/{QUERY}", FORM),
    "django admin": lambda c: c.post(f"/admin/login/{QUERY}", FORM),
    "otp": lambda c: c.post(f"/otp/login/{QUERY}", {**FORM, "otp_token": "c4nary-otp", "otp_device": "x"}),
    "two_factor": lambda c: c.post(f"/account/login/{QUERY}", WIZARD),
    "allauth": lambda c: c.post(f"/accounts/login/{QUERY}", FORM),
    "allauth without a name": lambda c: c.post(f"/accounts/login/{QUERY}", {"password": PASSWORD}),
    "headless": lambda c: c.post("/_allauth/app/v1/auth/login", FORM, content_type="application/json"),
    "basic": lambda c: c.get(f"/api/basic/{QUERY}", headers={"authorization": f"Basic {BASIC}"}),
    "token": lambda c: c.get(f"/api/whoami/{QUERY}", headers={"authorization": f"Token {TOKEN}"}),
    "jwt": lambda c: c.get(f"/api/jwt/{QUERY}", headers={"authorization": f"Bearer {TOKEN}.{TOKEN}.{TOKEN}"}),
    "jwt refresh": lambda c: c.post("/api/jwt/refresh/", {"refresh": TOKEN}, content_type="application/json"),
    "jwt obtain": lambda c: c.post("/api/jwt/obtain/", FORM, content_type="application/json"),
    "token obtain": lambda c: c.post(f"/api/token/{QUERY}", FORM),
    "oauth2 bearer": lambda c: c.get(f"/api/oauth2/{QUERY}", headers={"authorization": f"Bearer {TOKEN}"}),
    "oauth2 refresh": lambda c: c.post("/oauth2/token/", {**OAUTH2, "grant_type": "refresh_token"}),
    "oauth2 password": lambda c: c.post("/oauth2/token/", {**OAUTH2, **FORM, "grant_type": "password"}),
    "passkey": lambda c: c.post("/accounts/2fa/webauthn/login/", {"credential": '{"note": "c4nary-note"}'}),
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_one_line(client: Client, alice: User, lines: Lines, name: str) -> None:
    """An attempt is one line that Fail2ban counts, whichever of the packages have seen it, and no secret is in it."""
    with every_sink() as text:
        ATTEMPTS[name](client)
    counted = [event.type.counted_as for event in lines.events]
    assert (counted, leaks(text.getvalue())) == (["normal"], [])


@pytest.mark.parametrize("name", ATTEMPTS)
def test_secrets_in_headers(client: Client, alice: User, lines: Lines, name: str) -> None:
    """Secrets in headers that have nothing to do with the attempt change nothing."""
    client.defaults.update(HEADERS)
    client.cookies["remembered"] = "c4nary-cookie"
    with every_sink() as text:
        ATTEMPTS[name](client)
    assert (len(lines.events), leaks(text.getvalue())) == (1, [])


@pytest.mark.parametrize("name", ["django", "django admin", "two_factor", "allauth", "otp"])
def test_locked(client: Client, alice: User, lines: Lines, settings: Any, name: str) -> None:
    """While axes has locked alice out, an attempt at any of the login pages is one line, with that reason."""
    settings.AXES_FAILURE_LIMIT = 1
    client.post("/login/", {"username": "alice", "password": "wrong"})
    lines()
    ATTEMPTS[name](client)
    assert [line.split()[2] for line in lines()] == ["reason=locked"]


def test_documented(client: Client, alice: User, captured: list[SecurityEvent]) -> None:
    """docs/integrations.md: these are the lines of these attempts."""
    captured.clear()
    for attempt in ATTEMPTS.values():
        attempt(client)
    assert shown(captured) == blocks("integrations.md", "")[0]
