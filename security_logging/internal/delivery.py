"""A record handed to each handler on its own: one that raises costs no other handler the record."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from security_logging.internal import output

OnError = Callable[[logging.Handler], None]
_LOGGING_FILE = logging.Handler.handle.__code__.co_filename
_STANDARD_LAST_RESORT = type(logging.lastResort)


def deliver(logger: logging.Logger, record: logging.LogRecord, on_error: OnError) -> None:
    """
    Hand the record to the handlers of the logger and of those above it, as `Logger.handle` does.

    `on_error` is called with a handler that raised, while its exception is being handled.
    """
    kept: Any = logger.filter(record)
    if isinstance(kept, logging.LogRecord):  # a filter may replace the record, from Python 3.12 on
        record = kept
    if not kept:
        return
    code = getattr(type(logger).callHandlers, "__code__", None)
    if code is not None and code.co_filename == _LOGGING_FILE:
        for handler in _handlers_of(logger):
            if record.levelno >= handler.level:
                try:
                    handler.handle(record)
                except Exception:  # noqa: BLE001 (any code may stand in a project's handler)
                    on_error(handler)
    else:
        _call_replaced(logger, record, on_error)


def _call_replaced(logger: logging.Logger, record: logging.LogRecord, on_error: OnError) -> None:
    """Call what Sentry or others have put in the place of `Logger.callHandlers`, to see each record."""
    # It gets a logger that is the same but for its handlers.
    stand_in = object.__new__(type(logger))
    stand_in.__dict__.update(logger.__dict__)
    stand_in.propagate = False
    stand_in.handlers = [_Guarded(handler, on_error) for handler in _handlers_of(logger)]
    stand_in.callHandlers(record)


class _Guarded(logging.Handler):
    """Stands in for a handler, and lets none of its errors out."""

    def __init__(self, handler: logging.Handler, on_error: OnError) -> None:  # no super(): it would take logging's lock
        self.level = handler.level
        self._handler, self._on_error = handler, on_error

    def handle(self, record: logging.LogRecord) -> bool:
        try:
            return self._handler.handle(record)
        except Exception:  # noqa: BLE001 (any code may stand in a project's handler)
            self._on_error(self._handler)
            return False


class _StandardError(logging.Handler):
    """What Python does with a record that has no handler, without waiting for who reads standard error."""

    def handle(self, record: logging.LogRecord) -> bool:
        with suppress(OSError):  # there is no other place
            output.write(sys.stderr, f"{self.format(record)}\n")
        return True


_standard_error = _StandardError(logging.WARNING)


def _handlers_of(logger: logging.Logger) -> Iterator[logging.Handler]:
    found = False
    above: logging.Logger | None = logger
    while above is not None:
        for handler in above.handlers:
            found = True
            yield handler
        above = above.parent if above.propagate else None
    if not found and logging.lastResort is not None:
        yield _standard_error if type(logging.lastResort) is _STANDARD_LAST_RESORT else logging.lastResort
