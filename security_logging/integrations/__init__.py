"""Integrations with other packages, each in a module that is loaded only where the package is installed."""

from __future__ import annotations

from importlib import import_module

from django.apps import apps

from security_logging.internal.errors import report

# An app in INSTALLED_APPS, and the module for it.
INTEGRATIONS = (
    ("rest_framework", "drf"),
    ("allauth.account", "allauth"),
    ("allauth.account", "allauth_codes"),
    ("allauth.mfa", "allauth_mfa"),
    ("axes", "axes"),
    ("django_otp", "otp"),
    ("two_factor", "two_factor"),
    ("oauth2_provider", "oauth2"),
)

failed: dict[str, str] = {}  # apps whose integration could not be connected, each with the module; for the checks


def connect() -> None:
    """
    Connect the integrations of the installed packages; doing it twice connects them once.

    One that fails, because its package has changed, is reported and named by a system check; the site starts.
    """
    wanted = [(app, module) for app, module in INTEGRATIONS if apps.is_installed(app)]
    failed.clear()
    failed.update((app, module) for app, module in wanted if not _is_connected(module))


def _is_connected(module: str) -> bool:
    try:
        import_module(f"security_logging.integrations.{module}").connect()
    except Exception:  # noqa: BLE001 (the site must start with any version of the package)
        report(f"integration {module}")
        return False
    return True
