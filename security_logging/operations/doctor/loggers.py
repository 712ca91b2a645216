"""Whether every event reaches a handler: disabled loggers, missing handlers, and levels that drop events."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from security_logging.checks.problem import Problem, error, ok
from security_logging.conf import conf
from security_logging.events.type_registry import EVENT_CLASSES, event_types
from security_logging.handlers.sinks import logger_of, sinks


def check_loggers() -> Iterator[Problem]:
    """Look for classes of events that reach no handler, and for levels that drop events."""
    if logging.root.manager.disable >= logging.INFO:
        yield error("logging.disabled", "logging.disable() drops events.", "Remove the call of logging.disable().")
    found = [problem for event_class in EVENT_CLASSES for problem in _check_class(event_class)]
    yield from found
    if not found:
        yield ok("loggers", f"Every class of events reaches a handler ({conf.LOGGER_NAME}.*).")


def _check_class(event_class: str) -> Iterator[Problem]:
    logger = logger_of(event_class)
    reached = [sink.handler for sink in sinks() if event_class in sink.classes]
    if logger.disabled:
        fix = 'Write "disable_existing_loggers": False into LOGGING.'
        yield error("logger.disabled", f"The logger {logger.name!r} is disabled.", fix)
    elif not reached:
        fix = f"Give {conf.LOGGER_NAME!r} a handler, and let {logger.name!r} propagate to it."
        yield error("logger.no_handler", f"The events of {logger.name!r} reach no handler.", fix)
    else:
        lowest = max(logger.getEffectiveLevel(), min(handler.level for handler in reached))
        lost = [kind.name for kind in event_types() if kind.event_class == event_class and kind.level < lowest]
        if lost:
            level = logging.getLevelName(lowest)
            message = f"{logger.name!r} or its handlers drop everything below {level}, so these events are lost:"
            fix = 'Set the level of the logger and of its handlers to "INFO".'
            yield error("logger.level", f"{message} {', '.join(lost)}.", fix)
