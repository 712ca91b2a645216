"""Text formats by name. In none of them can a message start a line, control a terminal or add a column."""

from __future__ import annotations

import logging
from typing import Literal

from security_logging.formatters import record_attributes
from security_logging.formatters.record_text import message_of, text_of, time_of, traceback_of, visible

MARGIN = "    | "  # before each line of a traceback, so that none looks like a line of the log
_UNKNOWN = "-"
_DEFAULTS = dict.fromkeys((*record_attributes.CONSTANT, *record_attributes.CURRENT), _UNKNOWN)


class TextFormatter(logging.Formatter):
    """
    Write a record in a format of your own, in `%` or `{` style, with control characters escaped.

    Django logs the text of a SuspiciousOperation as a client sent it; here every value stays on its line. A traceback
    follows, each of its lines after a margin. `asctime` is in UTC, with milliseconds and offset. A format may use the
    attributes of every log record, those of `ContextFilter` (`-` if unknown), and `context`, which stands for all
    attributes of the current request or task.
    """

    def __init__(self, fmt: str = "%(message)s", style: Literal["%", "{"] = "%") -> None:
        """Take the format; raises ValueError if it is not valid in that style."""
        super().__init__(fmt, style=style, defaults=_DEFAULTS)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, and its traceback as further lines."""
        lines = [visible(self.line(record)), *map(visible, traceback_of(record).splitlines())]
        return f"\n{MARGIN}".join(lines)

    def line(self, record: logging.LogRecord) -> str:
        """Return the record in the format, not escaped yet."""
        described = logging.makeLogRecord(record.__dict__)  # a formatter never changes the record
        described.message = message_of(record)
        described.asctime = time_of(record).isoformat(timespec="milliseconds")
        described.context = record_attributes.words(record)
        return self.formatMessage(described)


class PipeFormatter(TextFormatter):
    r"""
    Write `LEVEL|LOGGER|TIMESTAMP|MESSAGE`; a bar inside a value is written `\|`, and a backslash `\\`.

    A reader that splits at each bar without a backslash before it always gets four columns. A traceback becomes part of
    the message, so that one record is one line.
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


# Name of a format: the formatter in LOGGING.
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
