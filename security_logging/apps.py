"""The Django application; in INSTALLED_APPS it connects the receivers and registers the system checks."""

from __future__ import annotations

from django.apps import AppConfig


class SecurityLoggingConfig(AppConfig):
    """Connect all receivers. The app has no model, and starts no query, thread or connection."""

    name = "security_logging"
    label = "security_logging"
    verbose_name = "Security logging"

    def ready(self) -> None:
        """Register the checks and connect the receivers, once Django knows its apps."""
        from security_logging import integrations, logger
        from security_logging.checks import registry
        from security_logging.watchers import (
            admin_log,
            django_loggers,
            logins,
            own_heartbeat,
            permissions,
            prior_failures,
            startup,
            users,
        )

        registry.register()
        for watcher in (
            logger,
            integrations,
            logins,
            prior_failures,
            django_loggers,
            users,
            permissions,
            admin_log,
            startup,
            own_heartbeat,
        ):
            watcher.connect()
