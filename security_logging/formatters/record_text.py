"""Read a log record: its message, traceback and time. Nothing here raises, or changes the record."""

from __future__ import annotations

import logging
import re
from datetime import datetime, timezone

# Line ends, terminal escapes and other control characters, marks that reorder text, and lone surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def message_of(record: logging.LogRecord) -> str:
    """Return the message, which may be attacker-controlled; arguments that do not fit are left out."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 (the arguments are wrong: a line without them is better than none)
        return f"{text_of(record.msg)} (with arguments that do not fit)"


def traceback_of(record: logging.LogRecord) -> str:
    """Return the stack and the traceback of the record, or "" if it has neither."""
    parts = [record.stack_info, record.exc_text]
    if isinstance(record.exc_info, tuple) and record.exc_info[0]:
        parts[1] = logging.Formatter().formatException(record.exc_info)  # not cached on the record
    return "\n".join(part for part in parts if part)


def time_of(record: logging.LogRecord) -> datetime:
    """Return the time of the record, in UTC."""
    return datetime.fromtimestamp(record.created, timezone.utc)


def text_of(value: object) -> str:
    """Return the value as text, even if its __str__ raises."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 (any object may be logged)
        return f"({type(value).__name__} that cannot be shown)"


def visible(text: str) -> str:
    r"""
    Return the text with line ends, control characters and marks that reorder letters escaped, e.g. as `\n`.

    Letters of every language stay as they are, so that people can read them.
    """
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
