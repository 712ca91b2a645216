"""Passwords that are changed in Django's views: what is a guess at the old one is counted, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from security_logging.events.event import SecurityEvent
from security_logging.events.type_registry import counted
from security_logging.watchers import prior_failures

pytestmark = [pytest.mark.django_db, pytest.mark.urls("flow_site")]

ADDRESS = "203.0.113.7"
VALIDATOR = "django.contrib.auth.password_validation.MinimumLengthValidator"
every_surface = pytest.mark.parametrize("path", ["/accounts/password_change/", "/admin/password_change/"])


@pytest.fixture
def root(client: Client, settings: Any) -> User:
    """Return an administrator who is logged in to a site that refuses short passwords."""
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": VALIDATOR}]
    user = User.objects.create_superuser("root", password="right")
    client.force_login(user)
    return user


def _counted(events: list[SecurityEvent], mode: str = "normal") -> list[str]:
    return [event.type.name for event in events if event.type in counted(mode)]


@every_surface
def test_five_wrong_old_passwords(client: Client, root: User, captured: list[SecurityEvent], path: str) -> None:
    """Five wrong old passwords are five counted lines, whatever the new ones are."""
    for new in ("n3w-and-long", "1", "", "1", "n3w-and-long"):
        client.post(path, {"old_password": "wrong", "new_password1": new, "new_password2": new})
    assert _counted(captured) == ["password_change_failed"] * 5


@every_surface
def test_five_weak_new_passwords(client: Client, root: User, captured: list[SecurityEvent], path: str) -> None:
    """Five weak new passwords are five lines, and no mode counts one."""
    for _ in range(5):
        client.post(path, {"old_password": "right", "new_password1": "1", "new_password2": "1"})
    lines = [event.type.name for event in captured if event.type.name != "login"]
    assert (lines, _counted(captured, "aggressive")) == (["password_rejected"] * 5, [])


def test_five_weak_passwords_for_a_user(client: Client, root: User, captured: list[SecurityEvent]) -> None:
    """So are those that an administrator tries to give to another user."""
    alice = User.objects.create_user("alice")
    data = {"password1": "1", "password2": "1", "usable_password": "true", "set-password": "1"}
    for _ in range(5):
        client.post(f"/admin/auth/user/{alice.pk}/password/", data)
    lines = [event.type.name for event in captured if event.type.event_class == "auth" and event.type.name != "login"]
    assert (lines, _counted(captured, "aggressive")) == (["password_rejected"] * 5, [])


def test_wrong_old_password_before_a_login(root: User, settings: Any) -> None:
    """A wrong old password is among the failures that the next login says were before it."""
    settings.SECURITY_LOGGING_PRIOR_FAILURES_WINDOW = 60
    prior_failures.counts.clear()
    client = Client(REMOTE_ADDR=ADDRESS)
    client.force_login(root)
    client.post("/accounts/password_change/", {"old_password": "wrong", "new_password1": "x", "new_password2": "x"})
    assert prior_failures.before_login("root", None) == 1
