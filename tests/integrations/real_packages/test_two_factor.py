"""django-two-factor-auth: a wizard of password and code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp.util import random_hex
from two_factor.admin import patch_admin, unpatch_admin

from integrations.real_packages.conftest import ADDRESS, Lines

pytestmark = pytest.mark.django_db

PATH = "/account/login/"


@pytest.fixture
def device(alice: User) -> TOTPDevice:
    """Give alice an authenticator."""
    return TOTPDevice.objects.create(user=alice, name="default", key=random_hex())


def password(client: Client, word: str = "right", name: str = "alice") -> int:
    """Fill in the first step; return the status."""
    data = {"login_view-current_step": "auth", "auth-username": name, "auth-password": word}
    return client.post(PATH, data).status_code


def code(client: Client, word: str) -> int:
    """Fill in the second step; return the status."""
    data = {"login_view-current_step": "token", "token-otp_token": word}
    return client.post(PATH, data).status_code


def right_code(device: TOTPDevice) -> str:
    """Return the code that the authenticator shows now."""
    return f"{totp(device.bin_key):06d}"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"word": "wrong"}, "login_failed surface=site reason=bad_credentials user=alice"),
        ({"word": ""}, "login_failed surface=site reason=empty user=alice status=200"),
        ({"name": "a\0"}, "login_failed surface=site reason=rejected_by_form user=a\0 status=200"),
    ],
)
def test_first_step(client: Client, device: TOTPDevice, lines: Lines, data: dict[str, Any], expected: str) -> None:
    """A password that is wrong, missing or malformed is one line."""
    password(client, **data)
    assert lines() == [expected]


def test_right_password(client: Client, device: TOTPDevice, lines: Lines) -> None:
    """The right password only shows the second step: no login yet, and no failure."""
    assert (password(client), lines()) == (200, [])


def test_right_password_of_a_user_without_second_factor(client: Client, alice: User, lines: Lines) -> None:
    """Without a second factor it is the login."""
    assert (password(client), lines()) == (302, ["login surface=site user=alice"])


def test_right_code(client: Client, device: TOTPDevice, lines: Lines) -> None:
    """The right code is the login."""
    password(client)
    assert (code(client, right_code(device)), lines()) == (302, ["login surface=site user=alice"])


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("000000", "reason=bad_code user=alice"),
        ("", "reason=empty user=alice status=200"),
        ("12", "reason=rejected_by_form user=alice status=200"),
        ("abcdef", "reason=rejected_by_form user=alice status=200"),
    ],
)
def test_wrong_code(client: Client, device: TOTPDevice, lines: Lines, word: str, expected: str) -> None:
    """A code that is wrong, missing or malformed is one line."""
    password(client)
    code(client, word)
    assert lines() == [f"mfa_failed surface=site {expected}"]


def test_throttled(client: Client, device: TOTPDevice, lines: Lines) -> None:
    """A device that no longer answers sends no signal; the attempt is a line all the same."""
    password(client)
    code(client, "000000")
    lines()
    code(client, "000000")
    assert lines() == ["login_blocked surface=site reason=locked user=alice status=200"]


def test_other_device(client: Client, device: TOTPDevice, lines: Lines) -> None:
    """Asking another device for a code fails nothing."""
    password(client)
    client.post(PATH, {"challenge_device": device.persistent_id})
    assert lines() == []


def test_step_that_has_expired(client: Client, device: TOTPDevice, lines: Lines, settings: Any) -> None:
    """Who waits too long begins anew, and has failed nothing."""
    settings.TWO_FACTOR_LOGIN_TIMEOUT = -1
    password(client)
    assert (code(client, "000000"), lines()) == (200, [])


def test_without_csrf_token(alice: User, lines: Lines) -> None:
    """A tool that knows nothing of CSRF is refused before the wizard: an attempt to log in."""
    client = Client(enforce_csrf_checks=True, REMOTE_ADDR=ADDRESS)
    client.post(PATH, "username=alice&password=x", content_type="application/x-www-form-urlencoded")
    assert lines() == ["login_failed surface=site reason=csrf user=alice status=403"]


@pytest.fixture
def patched_admin(settings: Any) -> Iterator[None]:
    """Let the admin send on to the wizard, as the package does by default."""
    patch_admin()
    settings.ROOT_URLCONF = "integrationsite.patched_urls"
    yield
    unpatch_admin()


def test_admin_that_sends_on(client: Client, alice: User, lines: Lines, patched_admin: None) -> None:
    """A tool that posts to the admin's login page, which shows no form any more, is an attempt to log in."""
    data = {"username": "alice", "password": "right"}
    assert client.post("/admin/login/", data).status_code == 302
    assert lines() == ["login_failed surface=admin reason=redirected user=alice status=302"]


def test_admin_that_does_not(client: Client, alice: User, lines: Lines) -> None:
    """A login at an admin that is left alone is a login."""
    User.objects.update(is_staff=True)
    client.post("/admin/login/", {"username": "alice", "password": "right"})
    assert lines() == ["login surface=admin user=alice"]
