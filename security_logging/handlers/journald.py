"""The journal of systemd: each record with its own fields, in journald's native protocol over its socket."""

from __future__ import annotations

import logging

from security_logging.events.fields import UNKNOWN
from security_logging.events.line import IDENT
from security_logging.formatters import record_attributes
from security_logging.formatters.record_text import visible
from security_logging.formatters.security import SecurityLineFormatter, event_of
from security_logging.formatters.text import TextFormatter
from security_logging.handlers.datagrams import Datagrams
from security_logging.handlers.senders import SenderHandler
from security_logging.handlers.syslog import FACILITIES, FOREIGN_IDENT, severity

SOCKET = "/run/systemd/journal/socket"
MESSAGE_LIMIT = 32_768  # characters; far below the largest datagram of any kernel


class JournalFormatter(logging.Formatter):
    """Write a security event as the line without time and ident, any other record as its message and traceback."""

    def __init__(self) -> None:
        """Take no format: the journal keeps level, time and logger in fields."""
        super().__init__()
        self._line, self._text = SecurityLineFormatter(bare=True), TextFormatter("%(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return what becomes the field MESSAGE."""
        return (self._text if event_of(record) is None else self._line).format(record)[:MESSAGE_LIMIT]


class JournaldHandler(SenderHandler):
    """
    Send each record to journald, without waiting for it.

    A security event has SYSLOG_IDENTIFIER=django-security, which the Fail2ban filter looks for, and each of its fields
    as DJANGO_<NAME>: `journalctl DJANGO_EVENT_ACTION=login_failed DJANGO_IP=203.0.113.7`.
    """

    def __init__(self, path: str = SOCKET) -> None:
        """Open nothing yet."""
        super().__init__(path, Datagrams(path))
        self.setFormatter(JournalFormatter())

    def encode(self, record: logging.LogRecord) -> bytes:
        """Return the record in the native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL)."""
        return b"".join(_field(name, value) for name, value in self._fields(record).items())

    def _fields(self, record: logging.LogRecord) -> dict[str, str]:
        event = event_of(record)
        fields = {
            "MESSAGE": self.format(record),
            "PRIORITY": str(severity(record.levelno)),
            "SYSLOG_IDENTIFIER": FOREIGN_IDENT if event is None else IDENT,
            "SYSLOG_PID": str(record.process),
            "SYSLOG_FACILITY": str(FACILITIES["authpriv" if event is not None else "user"]),
            "DJANGO_LOGGER": visible(record.name),
            "CODE_FILE": visible(record.pathname),
            "CODE_LINE": str(record.lineno),
            "CODE_FUNC": visible(record.funcName or ""),
        }
        if event is not None:
            named = {"event_action": event.type.name, "event_class": event.type.event_class, "event_id": event.id}
            known = {name: value for name, value in event.fields.items() if value != UNKNOWN}
            fields |= {f"DJANGO_{name.upper()}": visible(str(value)) for name, value in {**known, **named}.items()}
        context = record_attributes.values(record, {**record_attributes.CONSTANT, **record_attributes.CURRENT})
        return {**{f"DJANGO_{name.upper()}": str(value) for name, value in context.items()}, **fields}


def _field(name: str, value: str) -> bytes:
    data = value.encode("utf-8", "backslashreplace")
    if b"\n" not in data:
        return b"%s=%s\n" % (name.encode("ascii"), data)
    return b"%s\n%s%s\n" % (name.encode("ascii"), len(data).to_bytes(8, "little"), data)
