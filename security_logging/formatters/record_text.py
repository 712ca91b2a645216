"""What a log record says, read without ever raising and without changing the record."""

from __future__ import annotations

import logging
import re
from datetime import datetime, timezone

# Line ends, terminal escapes and other control characters, marks that reorder text, and lone surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def message_of(record: logging.LogRecord) -> str:
    """Return the message, attacker-controlled as it may be; arguments that do not fit are left out."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 (wrong arguments: what was meant is better than no line)
        return f"{text_of(record.msg)} (with arguments that do not fit)"


def traceback_of(record: logging.LogRecord) -> str:
    """Return where the record was made, if it says so, and the traceback of its exception; "" when it has neither."""
    parts = [record.stack_info, record.exc_text]
    if isinstance(record.exc_info, tuple) and record.exc_info[0]:
        parts[1] = logging.Formatter().formatException(record.exc_info)  # not cached on the record
    return "\n".join(part for part in parts if part)


def time_of(record: logging.LogRecord) -> datetime:
    """Return when the record was made, in UTC."""
    return datetime.fromtimestamp(record.created, timezone.utc)


def text_of(value: object) -> str:
    """Return the value as text, also of an object that cannot be shown."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 (any object may be logged)
        return f"({type(value).__name__} that cannot be shown)"


def visible(text: str) -> str:
    r"""
    Return the text with what could end a line, steer a terminal or reorder letters written out, e.g. as `\n`.

    All other characters stay as they are, so that people can read their own language.
    """
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
