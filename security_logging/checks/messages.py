"""Problems as messages of Django's system checks."""

from __future__ import annotations

from collections.abc import Callable

from django.core import checks

from security_logging.checks.problem import Level, Problem

_KINDS: dict[Level, Callable[..., checks.CheckMessage]] = {Level.ERROR: checks.Error, Level.WARNING: checks.Warning}


def as_message(problem: Problem) -> checks.CheckMessage:
    """Return the message that `manage.py check` prints for an error or a warning."""
    return _KINDS[problem.level](problem.message, hint=problem.fix, id=f"security_logging.{problem.id}")
