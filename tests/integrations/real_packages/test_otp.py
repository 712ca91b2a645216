"""django-otp: its forms on a page of the site and in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_otp.plugins.otp_static.models import StaticDevice

from integrations.real_packages.conftest import Lines

pytestmark = pytest.mark.django_db

PATHS = [("/otp/login/", "site"), ("/otpadmin/login/", "admin")]


@pytest.fixture
def device(alice: User) -> StaticDevice:
    """Make alice staff with a list of codes, one of them `right-code`."""
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    found = StaticDevice.objects.create(user=alice, name="codes")
    found.token_set.create(token="right-code")
    return found


def attempt(client: Client, path: str, device: StaticDevice, **data: Any) -> int:
    """Try to log in; return the status."""
    given = {"username": "alice", "password": "right", "otp_device": device.persistent_id, **data}
    return client.post(path, {name: value for name, value in given.items() if value is not None}).status_code


@pytest.mark.parametrize(("path", "surface"), PATHS)
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"otp_token": "wrong"}, "mfa_failed surface={} reason=bad_code user=alice"),
        ({"otp_token": "right-code"}, "login surface={} user=alice"),
        ({"otp_token": "x", "password": "wrong"}, "login_failed surface={} reason=bad_credentials user=alice"),
        ({"otp_token": "x", "password": ""}, "login_failed surface={} reason=empty user=alice status=200"),
        ({"username": "a\0"}, "login_failed surface={} reason=rejected_by_form user=a\0 status=200"),
    ],
)
def test_attempt(
    client: Client, device: StaticDevice, lines: Lines, path: str, surface: str, data: dict[str, str], expected: str
) -> None:
    """Each attempt is one line, which says whether the password or the code was wrong."""
    attempt(client, path, device, **data)
    assert lines() == [expected.format(surface)]


@pytest.mark.parametrize(("path", "surface"), PATHS)
@pytest.mark.parametrize(
    "data",
    [{}, {"otp_token": "x", "otp_device": None}, {"otp_challenge": "1"}, {"otp_challenge": "1", "otp_device": None}],
)
def test_asked_for_more(
    client: Client, device: StaticDevice, lines: Lines, path: str, surface: str, data: dict[str, Any]
) -> None:
    """Who is asked for the second factor, or for a device, has failed nothing: honest users all come this way."""
    assert (attempt(client, path, device, **data), lines()) == (200, [])


@pytest.mark.parametrize(("path", "surface"), PATHS)
def test_throttled(client: Client, device: StaticDevice, lines: Lines, path: str, surface: str) -> None:
    """A device that no longer answers sends no signal; the attempt is a line all the same."""
    attempt(client, path, device, otp_token="wrong")
    lines()
    attempt(client, path, device, otp_token="wrong")
    assert lines() == [f"login_blocked surface={surface} reason=locked user=alice status=200"]


def test_not_staff(client: Client, device: StaticDevice, lines: Lines) -> None:
    """The right password of somebody who may not use the admin is told as that."""
    User.objects.update(is_staff=False)
    attempt(client, "/otpadmin/login/", device, otp_token="right-code")
    assert lines() == ["login_failed surface=admin reason=not_staff user=alice status=200"]


def test_logged_in_without_second_factor(client: Client, device: StaticDevice, lines: Lines) -> None:
    """Who is logged in with a password only is asked for the code alone."""
    client.post("/login/", {"username": "alice", "password": "right"})
    lines()
    client.post("/otp/login/", {"otp_device": device.persistent_id, "otp_token": "wrong"})
    client.post("/otp/login/", {"otp_device": "no-such-device", "otp_token": "x"})
    assert lines() == [
        "mfa_failed surface=site reason=bad_code user=alice",
        "mfa_failed surface=site reason=rejected_by_form user=alice status=200",
    ]
