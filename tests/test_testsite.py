"""The test project itself answers, or the other tests would prove nothing."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/forbidden/", 403),
        ("/account/", 302),
        ("/accounts/login/", 200),
        ("/accounts/password_reset/", 200),
        ("/accounts/password_change/", 302),
        ("/admin/login/", 200),
        ("/office/login/", 200),
        ("/api/whoami/", 403),
    ],
)
def test_page_for_anybody(client: Client, path: str, status: int) -> None:
    """Each page answers a visitor as Django and Django REST framework would."""
    assert client.get(path).status_code == status


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/account/", 200),
        ("/accounts/password_change/", 200),
        ("/admin/auth/user/", 200),
        ("/office/auth/user/", 200),
        ("/api/whoami/", 200),
    ],
)
def test_page_for_the_administrator(admin_client: Client, path: str, status: int) -> None:
    """Each page that needs a login answers one who has it."""
    assert admin_client.get(path).status_code == status


@pytest.mark.parametrize("path", ["/accounts/login/", "/admin/login/", "/office/login/"])
def test_login(client: Client, admin_user: User, path: str) -> None:
    """Each login page logs in with the right password."""
    response = client.post(path, {"username": admin_user.username, "password": "password"})
    assert response.status_code == 302
