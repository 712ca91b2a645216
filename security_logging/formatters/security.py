"""Formatters for the security log: the line, ECS JSON, and a coloured console. They do not change the record."""

from __future__ import annotations

import logging
import os
import sys

from security_logging.events import ecs
from security_logging.events.event import SecurityEvent
from security_logging.events.fields import UNKNOWN, clip, escape
from security_logging.events.line import prefix, render_message
from security_logging.events.type_registry import FOREIGN
from security_logging.formatters import record_attributes
from security_logging.formatters.record_text import message_of, time_of, traceback_of, visible

_MESSAGE_ROOM = 900  # bytes of another logger's message; the line stays below 2 KB with its traceback
_TRACEBACK_ROOM = 800  # bytes of the end of a traceback
_JSON_TRACEBACK_LIMIT = 8000  # characters
_CONSOLE_LIMIT = 4096  # characters of a message, or of a line of a traceback


class SecurityLineFormatter(logging.Formatter):
    """
    Write each record as one line, in the form that `filter.d/django-security.conf` reads.

    A record that is not a security event becomes a `log` line, which Fail2ban does not count. `bare` leaves out time
    and ident, for syslog and the journal, which have their own.
    """

    def __init__(self, *, bare: bool = False) -> None:
        """Take no format, because the form of the line is fixed."""
        super().__init__()
        self.bare = bare

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of printable ASCII."""
        event = event_of(record)
        message = _foreign_message(record) if event is None else render_message(event)
        if self.bare:
            return message
        time, pid = (time_of(record), record.process or 0) if event is None else (event.time, event.pid)
        return prefix(time, pid) + message


class ECSFormatter(logging.Formatter):
    """
    Write one line of JSON for each record, in the Elastic Common Schema.

    `service`, `environment` and `node` become `service.name`, `service.environment` and `service.node.name`; empty ones
    are left out. A record that is not a security event has no `event` object, so Fail2ban does not count it. The
    attributes that `ContextFilter` sets are added.
    """

    def __init__(self, *, service: str = "", environment: str = "", node: str = "") -> None:
        """Take the values that are the same for every record."""
        super().__init__()
        named = {"name": service, "environment": environment, "node": {"name": node} if node else None}
        known = {key: value for key, value in named.items() if value}
        self.common: dict[str, object] = {"service": known} if known else {}

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of ASCII JSON."""
        log = {"level": _kept(record.levelname, 32).lower(), "logger": _kept(record.name, 128)}
        event = event_of(record)
        if event is not None:
            return ecs.dumps(record_attributes.add_to({**ecs.document(event), "log": log, **self.common}, record))
        return ecs.dumps(record_attributes.add_to({**_foreign_document(record, log), **self.common}, record))


class ConsoleFormatter(logging.Formatter):
    """
    Write for a terminal: time, event, address, surface, reason and user in columns, coloured by level.

    Colour is used if standard error is a terminal; `color` or the environment variables NO_COLOR and FORCE_COLOR
    override that. Text of a client is escaped, so it cannot send control codes to the terminal. Messages of other
    loggers keep the letters of every language. The lines of a traceback are indented after a bar.
    """

    COLORS = {"DEBUG": "2", "INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}

    def __init__(self, *, color: bool | None = None) -> None:
        """Take whether to use colour; None decides it at the first record."""
        super().__init__()
        self.color = color

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line for a terminal, and its traceback as further lines."""
        event = event_of(record)
        time = f"{time_of(record) if event is None else event.time:%H:%M:%S}"
        if event is not None:
            return f"{self.paint('2', time)} {self._event(record, event)}"
        level = self.paint(self.COLORS.get(record.levelname, "0"), f"{_unquoted(record.levelname, 32):<8}")
        line = f"{self.paint('2', time)} {level} {_unquoted(record.name, 128)}: {_safe(message_of(record))}"
        return "\n    | ".join([line, *map(_safe, traceback_of(record).splitlines())])

    def paint(self, code: str, text: str) -> str:
        """Return the text in the colour of that ANSI code, or unchanged if no colour is used."""
        if self.color is None:
            self.color = _wants_color()
        return f"\x1b[{code}m{text}\x1b[0m" if self.color else text

    def _event(self, record: logging.LogRecord, event: SecurityEvent) -> str:
        fields = event.fields
        code = self.COLORS.get(record.levelname, "0")
        known = [str(fields[name]) for name in ("surface", "reason") if fields[name] != UNKNOWN]
        words = [self.paint(code, f"{event.type.name:<14}"), self.paint("1", f"{event.address:<15}"), *known]
        rest = [name for name in fields if name not in ("ip", "net", "surface", "reason", "agent", "request_id")]
        words.extend(f"{self.paint('2', name + '=')}{_unquoted(str(fields[name]), 322)}" for name in rest)
        return " ".join(words)


def event_of(record: logging.LogRecord) -> SecurityEvent | None:
    """Return the security event of the record, or None if it is a record of another logger."""
    event = getattr(record, "security_event", None)
    return event if type(event) is SecurityEvent else None  # isinstance() accepts a mock of one


def _foreign_message(record: logging.LogRecord) -> str:
    parts = [FOREIGN, f"level={_quoted(record.levelname, 32)}", f"logger={_quoted(record.name, 128)}"]
    parts.append(f"message={_quoted(message_of(record), _MESSAGE_ROOM)}")
    traceback = traceback_of(record)
    if traceback:
        parts.append(f"exception={_quoted(traceback[-_TRACEBACK_ROOM // 2 :], _TRACEBACK_ROOM)}")
    return " ".join(parts)


def _foreign_document(record: logging.LogRecord, log: dict[str, str]) -> dict[str, object]:
    traceback = traceback_of(record)[-_JSON_TRACEBACK_LIMIT:]
    found: dict[str, object] = {"@timestamp": ecs.timestamp(time_of(record)), "log": log}
    found["message"] = clip(message_of(record), 8192, 4096)
    found["process"] = {"pid": record.process}
    if traceback:
        found["error"] = {"stack_trace": clip(traceback, 6 * _JSON_TRACEBACK_LIMIT, _JSON_TRACEBACK_LIMIT)}
    return found | {"ecs": {"version": ecs.ECS_VERSION}}


def _kept(text: object, room: int) -> str:
    return clip(str(text), room - 2, room)


def _quoted(text: object, room: int) -> str:
    return escape(_kept(text, room))


def _unquoted(text: object, room: int) -> str:
    return _quoted(text, room)[1:-1].replace('\\"', '"')


def _safe(line: str) -> str:
    return visible(clip(line, 6 * _CONSOLE_LIMIT, _CONSOLE_LIMIT))


def _wants_color() -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or _is_terminal()


def _is_terminal() -> bool:
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # None below a Windows service, closed in a daemon
        return False
