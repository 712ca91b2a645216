"""Formats for text logs, by name; none of them lets a message start a line, steer a terminal or fake a column."""

from __future__ import annotations

import logging
from typing import Literal

from security_logging.formatters import record_attributes
from security_logging.formatters.record_text import message_of, text_of, time_of, traceback_of, visible

MARGIN = "    | "  # before each line of a traceback, so that none can pass for a line of the log
_UNKNOWN = "-"
_DEFAULTS = dict.fromkeys((*record_attributes.CONSTANT, *record_attributes.CURRENT), _UNKNOWN)


class TextFormatter(logging.Formatter):
    """
    Write a record in a format of your own, in `%` or `{` style, with control characters escaped.

    Django passes the text of a SuspiciousOperation on as a client sent it. Whatever a value holds, it stays on its
    line; a traceback follows, each of its lines behind a margin. `asctime` is UTC with milliseconds and offset. Besides
    the attributes of every log record there are those of `ContextFilter`, `-` where unknown, and `context` for all that
    are known of the current request or task.
    """

    def __init__(self, fmt: str = "%(message)s", style: Literal["%", "{"] = "%") -> None:
        """Take the format; raises ValueError when it is not one of that style."""
        super().__init__(fmt, style=style, defaults=_DEFAULTS)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, and its traceback as further lines."""
        lines = [visible(self.line(record)), *map(visible, traceback_of(record).splitlines())]
        return f"\n{MARGIN}".join(lines)

    def line(self, record: logging.LogRecord) -> str:
        """Return the record as the format says, with nothing escaped yet."""
        described = logging.makeLogRecord(record.__dict__)  # a formatter never changes the record
        described.message = message_of(record)
        described.asctime = time_of(record).isoformat(timespec="milliseconds")
        described.context = record_attributes.words(record)
        return self.formatMessage(described)


class PipeFormatter(TextFormatter):
    r"""
    Write `LEVEL|LOGGER|TIMESTAMP|MESSAGE`; a separator inside a value is written `\|` and a backslash `\\`.

    So a reader that splits at each bar without a backslash before it gets back four columns, whatever was logged. A
    traceback becomes part of the message: one record is one line.
    """

    def line(self, record: logging.LogRecord) -> str:
        """Return the four columns."""
        traceback = traceback_of(record)
        message = f"{message_of(record)}\n{traceback}" if traceback else message_of(record)
        time = time_of(record).isoformat(timespec="milliseconds")
        return "|".join(map(_column, (record.levelname, record.name, time, message)))

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        return self.line(record)


# Each name stands for a formatter of LOGGING.
TEXT_FORMATS: dict[str, dict[str, str]] = {
    "verbose": {
        "()": "security_logging.formatters.TextFormatter",
        "fmt": "{levelname} {asctime} {name} {process:d} {thread:d}{context} {message}",
        "style": "{",
    },
    "simple": {
        "()": "security_logging.formatters.TextFormatter",
        "fmt": "{levelname} {message}",
        "style": "{",
    },
    "located": {
        "()": "security_logging.formatters.TextFormatter",
        "fmt": "%(asctime)s [%(levelname)-8s] %(message)s [%(pathname)s:%(lineno)d]",
    },
    "pipe": {"()": "security_logging.formatters.PipeFormatter"},
    "line": {"()": "security_logging.formatters.SecurityLineFormatter"},
}


def _column(value: object) -> str:
    return visible(text_of(value).replace("\\", "\\\\").replace("|", "\\|"))
