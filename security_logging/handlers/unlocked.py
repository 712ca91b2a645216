"""The base of the handlers that write each record with one call: no lock is held, and every record gets a line."""

from __future__ import annotations

import logging
from typing import Any

from security_logging.formatters.record_text import message_of, visible
from security_logging.formatters.security import SecurityLineFormatter
from security_logging.internal.errors import report_misuse

_FIELD_NOT_FOUND = "Formatting field not found in record"  # how Python's logging names a wrong template
_fallback = SecurityLineFormatter()


class UnlockedHandler(logging.Handler):
    """
    Handle records without the handler's lock, so that no thread waits while another one writes.

    A record that its formatter cannot write is written in the form of the security log instead.
    """

    def handle(self, record: logging.LogRecord) -> bool:
        """Emit the record unless a filter drops it; return whether it was emitted."""
        kept: Any = self.filter(record)
        if isinstance(kept, logging.LogRecord):  # a filter may replace the record, from Python 3.12 on
            record = kept
        if kept:
            self.emit(record)
        return bool(kept)

    def line(self, record: logging.LogRecord) -> str:
        """Return the record as its formatter writes it, or in the fallback form. Raises nothing."""
        try:
            return self.format(record)
        except Exception as error:  # noqa: BLE001 (a wrong template must not cost the record)
            name = self.get_name() or type(self).__name__
            what = f"the formatter of the handler {name} raises {_described(error)}; such records get our own form"
            report_misuse(f"formatter of {name}", what)
            return fallback_line(record)


def fallback_line(record: logging.LogRecord) -> str:
    """Return the record as a line of the security log, or as its message alone where even that fails."""
    try:
        return _fallback.format(record)
    except Exception:  # noqa: BLE001 (any object may be logged)
        return visible(message_of(record))


def _described(error: Exception) -> str:
    """Name the error; of its text, which may hold what a client sent, only what names a field of a template."""
    text = str(error) if isinstance(error, ValueError) else ""
    return f"{type(error).__name__}: {text[:200]}" if text.startswith(_FIELD_NOT_FOUND) else type(error).__name__
