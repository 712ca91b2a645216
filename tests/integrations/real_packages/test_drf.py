"""Django REST framework and its tokens."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from dj_rest_auth.app_settings import api_settings as dj_settings
from django.contrib.auth.models import User
from django.test import Client, override_settings
from rest_framework.authtoken.models import Token
from rest_framework.settings import api_settings
from rest_framework.views import exception_handler
from rest_framework_simplejwt.tokens import AccessToken

from integrations.real_packages.conftest import Lines
from security_logging.integrations import drf

pytestmark = pytest.mark.django_db


def basic(name: str, password: str) -> str:
    """Return the header of HTTP's basic authentication."""
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


@pytest.mark.parametrize(
    ("path", "header", "status", "expected"),
    [
        ("whoami", "Token wrong", 403, "token_failed surface=api reason=bad_token status=403"),
        ("whoami", "Token", 403, "token_failed surface=api reason=bad_token status=403"),
        ("whoami", "Token a b", 403, "token_failed surface=api reason=bad_token status=403"),
        ("whoami", basic("alice", "wrong"), 403, "login_failed surface=api reason=bad_credentials user=alice"),
        ("basic", basic("alice", "wrong"), 401, "login_failed surface=api reason=bad_credentials user=alice"),
        ("basic", basic("ivan", "right"), 401, "login_failed surface=api reason=bad_credentials user=ivan"),
        ("basic", "Basic ???", 401, "login_failed surface=api reason=malformed status=401"),
        ("basic", "Basic", 401, "login_failed surface=api reason=malformed status=401"),
        ("basic", "Other x", 401, "permission_denied surface=api reason=credentials_refused status=401"),
        ("basic", "", 401, "permission_denied surface=api reason=credentials_missing status=401"),
        (
            "busy",
            basic("alice", "right"),
            429,
            "rate_limited surface=api reason=too_many_requests user=alice status=429",
        ),
        (
            "admins",
            basic("alice", "right"),
            403,
            "permission_denied surface=api reason=no_permission user=alice status=403",
        ),
        (
            "refused",
            basic("alice", "right"),
            403,
            "permission_denied surface=api reason=no_permission user=alice status=403",
        ),
    ],
)
def test_refused(client: Client, alice: User, lines: Lines, path: str, header: str, status: int, expected: str) -> None:
    """Each refused request is exactly one line, and the credentials in the header are in none."""
    User.objects.create_user("ivan", password="right", is_active=False)
    lines()
    headers = {"authorization": header} if header else {}
    assert (client.get(f"/api/{path}/", headers=headers).status_code, lines()) == (status, [expected])


@pytest.mark.parametrize("header", [basic("alice", "right"), "TOKEN"])
def test_accepted(client: Client, alice: User, lines: Lines, header: str) -> None:
    """A right credential with each request is no login: an application sends it a thousand times."""
    header = header.replace("TOKEN", f"Token {Token.objects.create(user=alice).key}")
    assert (client.get("/api/whoami/", headers={"authorization": header}).status_code, lines()) == (200, [])


@pytest.mark.parametrize("language", ["en", "de"])
def test_token_of_an_inactive_user(client: Client, alice: User, lines: Lines, language: str) -> None:
    """A token whose user was disabled is told from a guess, in each language that the answer may have."""
    User.objects.update(is_active=False)
    header = {"authorization": f"Token {Token.objects.create(user=alice).key}"}
    with override_settings(LANGUAGE_CODE=language):
        client.get("/api/whoami/", headers=header)
    assert lines() == ["token_failed surface=api reason=inactive status=403"]


@override_settings(AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.AllowAllUsersModelBackend"])
def test_password_of_an_inactive_user(client: Client, alice: User, lines: Lines) -> None:
    """The right password of a disabled user, refused by the framework and not by the backend, is a failed login."""
    User.objects.update(is_active=False)
    client.get("/api/basic/", headers={"authorization": basic("alice", "right")})
    assert lines() == ["login_failed surface=api reason=inactive status=401"]


def test_session_without_csrf_token(alice: User, lines: Lines) -> None:
    """A session without a CSRF token is refused, perhaps because another site has used the visitor's browser."""
    client = Client(enforce_csrf_checks=True, REMOTE_ADDR="203.0.113.7")
    client.force_login(alice, "django.contrib.auth.backends.ModelBackend")
    lines.events.clear()
    assert (client.post("/api/whoami/").status_code, lines()) == (403, ["csrf_failed surface=api status=403"])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"username": "alice", "password": "wrong"}, "login_failed surface=api reason=bad_credentials user=alice"),
        ({"username": "alice", "password": ""}, "login_failed surface=api reason=empty user=alice status=400"),
        ({"username": "alice"}, "login_failed surface=api reason=empty user=alice status=400"),
        ({}, "login_failed surface=api reason=empty status=400"),
        ([], "login_failed surface=api reason=rejected_by_form status=400"),
        (
            {"username": "al\0ice", "password": "x"},
            "login_failed surface=api reason=rejected_by_form user=al\0ice status=400",
        ),
        ({"username": "alice", "password": "right"}, "login surface=api reason=token user=alice status=200"),
    ],
)
@pytest.mark.parametrize("path", ["token", "jwt/obtain", "jwt/obtain/own", "dj/login", "own/login"])
def test_obtained(client: Client, alice: User, lines: Lines, path: str, data: Any, expected: str) -> None:
    """Who asks for a token by user name and password logs in or fails to; both are one line, which no signal tells."""
    client.post(f"/api/{path}/", data, content_type="application/json")
    assert lines() == [expected]


def test_address_of_nobody(client: Client, alice: User, lines: Lines, settings: Any) -> None:
    """What dj-rest-auth refuses before it asks Django is a line too."""
    client.post("/api/dj/login/", {"email": "no address", "password": "x"}, content_type="application/json")
    assert lines() == ["login_failed surface=api reason=rejected_by_form user=no address status=400"]


def test_login_with_a_session(client: Client, alice: User, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login of dj-rest-auth that starts a session is one line, that of Django's signal."""
    monkeypatch.setattr(dj_settings, "SESSION_LOGIN", True, raising=False)
    client.post("/api/dj/login/", {"username": "alice", "password": "right"}, content_type="application/json")
    assert lines() == ["login surface=api user=alice"]


def test_obtained_from_another_site(client: Client, alice: User, lines: Lines) -> None:
    """An empty attempt that another site has made a visitor's browser send is not counted."""
    client.post("/api/token/", {}, headers={"Sec-Fetch-Site": "cross-site"})
    assert lines() == ["crosssite_request surface=api reason=empty status=400"]


@pytest.mark.parametrize("path", ["token/any", "token/lazy"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_obtained_with_a_token_in_the_address(client: Client, lines: Lines, path: str, method: str) -> None:
    """A wrong token in the address of an image on a hostile page is no login, and is not counted."""
    for _ in range(5):
        getattr(client, method)(f"/api/{path}/?token=wrong", headers={"Sec-Fetch-Site": "cross-site"})
    assert lines() == ["crosssite_request surface=api reason=bad_token status=403"] * 5


def test_obtained_with_an_expired_bearer(client: Client, alice: User, lines: Lines) -> None:
    """An honest application that sends its old token along is not counted."""
    token = AccessToken.for_user(alice)
    token.set_exp(lifetime=-timedelta(minutes=1))
    client.post("/api/token/any/", {}, headers={"authorization": f"Bearer {token}"})
    assert lines() == ["permission_denied surface=api reason=token_expired status=403"]


def test_obtained_by_a_user_whom_the_view_refuses(client: Client, alice: User, lines: Lines) -> None:
    """What the view itself refuses after the right password is a failed login."""
    client.post("/api/token/refusing/", {"username": "alice", "password": "right"})
    assert lines() == ["login_failed surface=api reason=inactive user=alice status=403"]


@override_settings(AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.AllowAllUsersModelBackend"])
def test_obtained_by_an_inactive_user(client: Client, alice: User, lines: Lines) -> None:
    """The right password of a disabled user, refused by SimpleJWT and not by the backend, is a failed login."""
    User.objects.update(is_active=False)
    data = {"username": "alice", "password": "right"}
    client.post("/api/jwt/obtain/", data, content_type="application/json")
    assert lines() == ["login_failed surface=api reason=inactive user=alice status=401"]


def test_other_validation(client: Client, alice: User, lines: Lines) -> None:
    """What a view that is no login finds wrong in a request is the view's matter."""
    client.post("/api/jwt/refresh/", {}, content_type="application/json")
    assert lines() == []


def test_handler_of_a_view(client: Client, alice: User, lines: Lines) -> None:
    """A view with an exception handler of its own keeps it; it is not seen."""
    assert (client.get("/api/own/").status_code, lines()) == (418, [])


@override_settings(REST_FRAMEWORK={"EXCEPTION_HANDLER": "integrationsite.views.shrug"})
def test_handler_of_the_project(client: Client, alice: User, lines: Lines) -> None:
    """The project's exception handler still answers, whatever it makes of the exception."""
    header = {"authorization": basic("alice", "wrong")}
    response = client.get("/api/basic/", headers=header)
    assert (response.status_code, lines()) == (418, ["login_failed surface=api reason=bad_credentials user=alice"])


def test_after_a_reload_of_the_settings(client: Client, alice: User, lines: Lines) -> None:
    """Exceptions are still seen after a test has changed the settings, also if somebody read them before us."""
    del api_settings.EXCEPTION_HANDLER
    assert api_settings.EXCEPTION_HANDLER is exception_handler
    drf.connect()
    with override_settings(REST_FRAMEWORK={"EXCEPTION_HANDLER": "integrationsite.views.shrug"}):
        pass
    client.get("/api/whoami/", headers={"authorization": "Token wrong"})
    assert lines() == ["token_failed surface=api reason=bad_token status=403"]


def test_failure_is_reported(client: Client, alice: User, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of ours changes no answer, and Django's own record still tells of the refusal."""
    monkeypatch.setattr(drf, "plain_request", lambda request: 1 / 0)
    response = client.get("/api/whoami/", headers={"authorization": "Token wrong"})
    assert (response.status_code, lines()) == (403, ["permission_denied surface=api reason=forbidden status=403"])
