"""How many failed logins the installed packages check before they lock a user or an address."""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.apps import apps
from django.conf import settings

AXES, ALLAUTH = "AXES_FAILURE_LIMIT", 'ACCOUNT_RATE_LIMITS["login_failed"]'
FINDTIME = 600  # seconds; that of the jail django-auth

_AXES_DEFAULT, _ALLAUTH_DEFAULT = 3, "10/m/ip,5/5m/key"  # django-axes 8, django-allauth 65
_RATE = re.compile(r"\s*(\d+)/(\d*)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def lockouts() -> dict[str, int]:
    """Return how many failed logins each package checks within FINDTIME, by its setting; a function says nothing."""
    found = {AXES: _of_axes() if apps.is_installed("axes") else None,
             ALLAUTH: _of_allauth() if apps.is_installed("allauth.account") else None}  # fmt: skip
    return {name: limit for name, limit in found.items() if limit is not None}


def _of_axes() -> int | None:
    limit = getattr(settings, AXES, _AXES_DEFAULT)
    is_on = getattr(settings, "AXES_ENABLED", True) and getattr(settings, "AXES_LOCK_OUT_AT_FAILURE", True)
    return limit if is_on and isinstance(limit, int) else None


def _of_allauth() -> int | None:
    limits = getattr(settings, "ACCOUNT_RATE_LIMITS", {})
    rates = limits.get("login_failed", _ALLAUTH_DEFAULT) if isinstance(limits, Mapping) else None
    found = [_in_findtime(*match.groups()) for rate in str(rates or "").split(",") if (match := _RATE.match(rate))]
    return min(found, default=None)


def _in_findtime(amount: str, periods: str, unit: str) -> int:
    seconds = int(periods or 1) * _SECONDS[unit]
    return int(amount) * max(1, FINDTIME // max(1, seconds))
