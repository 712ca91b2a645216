"""The system checks, and the place of the middleware."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.core import checks

from security_logging.checks.middleware import MIDDLEWARE
from security_logging.checks.problem import Level, Problem, ok


def check_settings() -> Iterator[Problem]:
    """Run the system checks of this package, those for a deployment included."""
    messages = checks.run_checks(tags=[checks.Tags.security], include_deployment_checks=True)
    ours = [message for message in messages if str(message.id).startswith("security_logging.")]
    for message in ours:
        level = Level.ERROR if message.level >= checks.ERROR else Level.WARNING
        yield Problem(f"check.{str(message.id).rpartition('.')[2]}", level, message.msg, message.hint or "")
    if not ours:
        yield ok("checks", "All system checks of this package pass, those for a deployment included.")


def check_middleware() -> Iterator[Problem]:
    """Show where the middleware stands; the system checks W101 and W102 find it missing or too late."""
    if MIDDLEWARE in settings.MIDDLEWARE:
        place = settings.MIDDLEWARE.index(MIDDLEWARE) + 1
        yield ok("middleware", f"SecurityLoggingMiddleware is number {place} of {len(settings.MIDDLEWARE)}.")
