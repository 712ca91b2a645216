"""django-oauth-toolkit: its token endpoint, and the tokens it gives."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import AccessToken, Application

from integrations.real_packages.conftest import Lines
from security_logging.integrations import oauth2

pytestmark = pytest.mark.django_db

SECRET = "c4nary-client-secret"


@pytest.fixture
def application(alice: User) -> Application:
    """Return an application that may ask for tokens of its own and for those of users."""
    return Application.objects.create(
        name="app",
        user=alice,
        client_id="app",
        client_secret=SECRET,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"grant_type": "client_credentials"}, []),
        ({"grant_type": "client_credentials", "client_secret": "wrong"}, ["reason=invalid_client status=401"]),
        ({"grant_type": "client_credentials", "client_id": "other"}, ["reason=invalid_client status=401"]),
        ({"grant_type": "refresh_token", "refresh_token": "wrong"}, ["reason=invalid_grant status=400"]),
        ({"grant_type": "nonsense"}, []),
    ],
)
def test_token_endpoint(
    client: Client, application: Application, lines: Lines, data: dict[str, str], expected: list[str]
) -> None:
    """A guessed secret, client or refresh token is a failed token; what is merely asked wrongly is not."""
    if data["grant_type"] == "refresh_token":
        Application.objects.update(authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE)
    client.post("/oauth2/token/", {"client_id": "app", "client_secret": SECRET, **data})
    assert lines() == [f"token_failed surface=api {rest}" for rest in expected]


def test_wrong_password(client: Client, application: Application, lines: Lines) -> None:
    """A user's wrong password is told by Django's signal, and once."""
    Application.objects.update(authorization_grant_type=Application.GRANT_PASSWORD)
    data = {"grant_type": "password", "username": "alice", "password": "wrong"}
    client.post("/oauth2/token/", {"client_id": "app", "client_secret": SECRET, **data})
    assert lines() == ["login_failed surface=api reason=bad_credentials user=alice"]


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("right", []),
        ("wrong", ["token_failed surface=api reason=bad_token status=401"]),
        ("old", ["permission_denied surface=api reason=token_expired status=401"]),
    ],
)
def test_bearer(client: Client, application: Application, lines: Lines, token: str, expected: list[str]) -> None:
    """A bearer token that is wrong is a failed token; one that has expired was right once."""
    now = timezone.now()
    for name, expires in (("right", now + timedelta(hours=1)), ("old", now - timedelta(hours=1))):
        AccessToken.objects.create(token=name, application=application, user=application.user, expires=expires)
    client.get("/api/oauth2/", headers={"authorization": f"Bearer {token}"})
    assert lines() == expected


IMAGE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}


@pytest.mark.filterwarnings("ignore:Presenting an OAuth 2.0 access token:DeprecationWarning")
@pytest.mark.parametrize(
    ("headers", "expected"),
    [({}, "token_failed"), (IMAGE, "crosssite_request"), ({**IMAGE, "Authorization": "Bearer wrong"}, "token_failed")],
)
def test_token_in_the_address(client: Client, lines: Lines, headers: dict[str, str], expected: str) -> None:
    """An image whose address has a wrong token bans none of those who see it; a page cannot send a header."""
    client.get("/api/oauth2/?access_token=wrong", headers=headers)
    assert lines() == [f"{expected} surface=api reason=bad_token status=401"]


def test_form_of_another_site(client: Client, application: Application, lines: Lines) -> None:
    """A form with a wrong secret that posts itself to the token endpoint bans no visitor of the page."""
    data = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "wrong"}
    client.post("/oauth2/token/", data, headers={"Origin": "https://evil.example"})
    assert lines() == ["crosssite_request surface=api reason=invalid_client status=401"]


@pytest.mark.parametrize("content", [b"[]", b"no JSON"])
def test_endpoint_of_a_project(lines: Lines, content: bytes) -> None:
    """An answer of another shape is no reason to fail."""
    assert oauth2._error(HttpResponse(content)) is None
