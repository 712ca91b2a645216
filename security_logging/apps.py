"""The Django application: adding it to INSTALLED_APPS connects the receivers and the system checks."""

from __future__ import annotations

from django.apps import AppConfig


class SecurityLoggingConfig(AppConfig):
    """Connect everything that watches; no model, no query, no thread, no connection."""

    name = "security_logging"
    label = "security_logging"
    verbose_name = "Security logging"

    def ready(self) -> None:
        """Register the checks and connect the receivers, once Django knows its apps."""
        from security_logging import (
            accounts,
            admin_log,
            checks,
            django_records,
            integrations,
            logger,
            privileges,
            receivers,
            startup,
        )

        checks.register()
        for watcher in (logger, integrations, receivers, django_records, accounts, privileges, admin_log, startup):
            watcher.connect()
