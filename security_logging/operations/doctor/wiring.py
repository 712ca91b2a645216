"""Is the package itself wired: the system checks, the middleware, the loggers."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from django.conf import settings
from django.core import checks

from security_logging.checks.requests import MIDDLEWARE
from security_logging.conf import conf
from security_logging.events.event import EVENT_CLASSES, event_types
from security_logging.handlers.sinks import logger_of, sinks
from security_logging.operations.doctor.findings import Finding, Level, error, ok


def of_settings() -> Iterator[Finding]:
    """Run our system checks, those for a deployment included."""
    messages = checks.run_checks(tags=[checks.Tags.security], include_deployment_checks=True)
    ours = [message for message in messages if str(message.id).startswith("security_logging.")]
    for message in ours:
        level = Level.ERROR if message.level >= checks.ERROR else Level.WARNING
        yield Finding(f"check.{str(message.id).rpartition('.')[2]}", level, message.msg, message.hint or "")
    if not ours:
        yield ok("checks", "Every system check of the package passes, those for a deployment included.")


def of_middleware() -> Iterator[Finding]:
    """Say where the middleware stands; that it is missing or late is a system check."""
    if MIDDLEWARE in settings.MIDDLEWARE:
        place = settings.MIDDLEWARE.index(MIDDLEWARE) + 1
        yield ok("middleware", f"SecurityLoggingMiddleware is number {place} of {len(settings.MIDDLEWARE)}.")


def of_loggers() -> Iterator[Finding]:
    """Look for classes of events that no handler gets, and for levels that swallow events."""
    if logging.root.manager.disable >= logging.INFO:
        hint = "Remove the call of logging.disable()."
        yield error("logging.disabled", "logging.disable() keeps events from being written.", hint)
    found = [finding for event_class in EVENT_CLASSES for finding in _of_class(event_class)]
    yield from found
    if not found:
        yield ok("loggers", f"Every class of events reaches a handler ({conf.LOGGER_NAME}.*).")


def _of_class(event_class: str) -> Iterator[Finding]:
    logger = logger_of(event_class)
    reached = [sink.handler for sink in sinks() if event_class in sink.classes]
    if logger.disabled:
        hint = 'Write "disable_existing_loggers": False into LOGGING.'
        yield error("logger.disabled", f"The logger {logger.name!r} is disabled.", hint)
    elif not reached:
        hint = f"Let {conf.LOGGER_NAME!r} have a handler, and do not stop the propagation of {logger.name!r}."
        yield error("logger.no_handler", f"No handler gets the events of {logger.name!r}.", hint)
    else:
        lowest = max(logger.getEffectiveLevel(), min(handler.level for handler in reached))
        lost = [kind.name for kind in event_types() if kind.event_class == event_class and kind.level < lowest]
        if lost:
            message = f"{logger.name!r} or its handlers let nothing through below {logging.getLevelName(lowest)}"
            hint = 'Set the level of the logger and of its handlers to "INFO".'
            yield error("logger.level", f"{message}: {', '.join(lost)} are lost.", hint)
