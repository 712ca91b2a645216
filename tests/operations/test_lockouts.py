"""How many failed logins the packages of a site check before they lock."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.test import override_settings

from security_logging.operations.lockouts import ALLAUTH, AXES, lockouts


@pytest.mark.parametrize(
    ("app", "settings", "expected"),
    [
        ("", {}, {}),
        ("axes", {}, {AXES: 3}),
        ("axes", {"AXES_FAILURE_LIMIT": 5}, {AXES: 5}),
        ("axes", {"AXES_FAILURE_LIMIT": len}, {}),
        ("axes", {"AXES_ENABLED": False}, {}),
        ("axes", {"AXES_LOCK_OUT_AT_FAILURE": False}, {}),
        ("allauth.account", {}, {ALLAUTH: 10}),
        ("allauth.account", {"ACCOUNT_RATE_LIMITS": {"login": "1/m/ip"}}, {ALLAUTH: 10}),
        ("allauth.account", {"ACCOUNT_RATE_LIMITS": {"login_failed": "3/h/key"}}, {ALLAUTH: 3}),
        ("allauth.account", {"ACCOUNT_RATE_LIMITS": {"login_failed": "10/s/ip, 4/10m/key"}}, {ALLAUTH: 4}),
        ("allauth.account", {"ACCOUNT_RATE_LIMITS": {"login_failed": None}}, {}),
        ("allauth.account", {"ACCOUNT_RATE_LIMITS": False}, {}),
    ],
)
def test_limit(app: str, settings: dict[str, Any], expected: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what the setting says for ten minutes, or the package's default; none where nothing is locked."""
    monkeypatch.setattr(apps, "is_installed", lambda name: name == app)
    with override_settings(**settings):
        assert lockouts() == expected
