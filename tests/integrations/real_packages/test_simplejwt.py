"""JSON web tokens that are wrong, old or revoked."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from integrations.real_packages.conftest import Lines

pytestmark = pytest.mark.django_db

VECTORS = Path(__file__).parents[2] / "vectors"
BAD = "token_failed surface=api reason=bad_token status=401"
OLD = "permission_denied surface=api reason=token_expired status=401"


def expired(token: Token) -> str:
    """Return the token as it would be long after it was given."""
    token.set_exp(lifetime=-timedelta(minutes=1))
    return str(token)


def test_bearer(client: Client, alice: User, lines: Lines) -> None:
    """A bearer token that nobody has signed is a failed token."""
    client.get("/api/jwt/", headers={"authorization": "Bearer a.b.c"})
    assert lines() == [BAD]


def test_header_of_three_words(client: Client, alice: User, lines: Lines) -> None:
    """So is a header that holds no token at all."""
    client.get("/api/jwt/", headers={"authorization": "Bearer a b"})
    assert lines() == [BAD]


def test_right_bearer(client: Client, alice: User, lines: Lines) -> None:
    """A right one is nothing to tell."""
    token = AccessToken.for_user(alice)
    assert client.get("/api/jwt/", headers={"authorization": f"Bearer {token}"}).status_code == 200
    assert lines() == []


@pytest.mark.parametrize("language", ["en", "de"])
def test_expired_bearer(client: Client, alice: User, lines: Lines, language: str) -> None:
    """A token that has expired was right once: an honest application asks with it, so it is not counted."""
    token = expired(AccessToken.for_user(alice))
    with override_settings(LANGUAGE_CODE=language):
        client.get("/api/jwt/", headers={"authorization": f"Bearer {token}"})
    assert lines() == [OLD]


def test_expired_bearer_of_a_forger(client: Client, alice: User, lines: Lines) -> None:
    """Who writes an old date into a token without the key has failed like any other."""
    header, payload, signature = expired(AccessToken.for_user(alice)).split(".")
    token = f"{header}.{payload}.{signature[::-1]}"
    client.get("/api/jwt/", headers={"authorization": f"Bearer {token}"})
    assert lines() == [BAD]


def test_bearer_of_an_inactive_user(client: Client, alice: User, lines: Lines) -> None:
    """A token whose user was disabled is told from a guess."""
    token = AccessToken.for_user(alice)
    User.objects.update(is_active=False)
    client.get("/api/jwt/", headers={"authorization": f"Bearer {token}"})
    assert lines() == ["token_failed surface=api reason=inactive status=401"]


def test_bearer_of_a_deleted_user(client: Client, alice: User, lines: Lines) -> None:
    """A token whose user is gone is a failed token."""
    token = AccessToken.for_user(alice)
    alice.delete()
    lines()
    client.get("/api/jwt/", headers={"authorization": f"Bearer {token}"})
    assert lines() == [BAD]


@pytest.mark.parametrize(("path", "name"), [("refresh", "refresh"), ("verify", "token")])
def test_refused(client: Client, alice: User, lines: Lines, path: str, name: str) -> None:
    """A refresh token that nobody has signed is a failed token, and one to verify too."""
    client.post(f"/api/jwt/{path}/", {name: "a.b.c"}, content_type="application/json")
    assert lines() == [BAD]


@pytest.mark.parametrize("header", json.loads((VECTORS / "proxy_headers.json").read_text("utf-8")))
def test_refused_from_another_site(client: Client, lines: Lines, header: str) -> None:
    """Forms that a hostile page has posted are not counted, whatever a proxy adds to the requests of visitors."""
    for _ in range(5):
        client.post("/api/jwt/refresh/", {"refresh": "a.b.c"}, headers={"Sec-Fetch-Site": "cross-site", header: "x"})
    assert lines() == ["crosssite_request surface=api reason=bad_token status=401"] * 5


@pytest.mark.parametrize(("path", "name"), [("refresh", "refresh"), ("verify", "token")])
def test_expired(client: Client, alice: User, lines: Lines, path: str, name: str) -> None:
    """One that has expired is not counted."""
    client.post(f"/api/jwt/{path}/", {name: expired(RefreshToken.for_user(alice))}, content_type="application/json")
    assert lines() == [OLD]


@pytest.mark.parametrize(("path", "name"), [("refresh", "refresh"), ("verify", "token")])
def test_accepted(client: Client, alice: User, lines: Lines, path: str, name: str) -> None:
    """A right one is nothing to tell: the login was told when the token was obtained."""
    data = {name: str(RefreshToken.for_user(alice))}
    assert client.post(f"/api/jwt/{path}/", data, content_type="application/json").status_code == 200
    assert lines() == []
