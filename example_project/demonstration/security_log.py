"""Follow the security log: read its new lines back into events, and show them in colour."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from security_logging import SecurityEvent
from security_logging.events.line import parse

FOREIGN_MARK = "]: log level="  # a record of another logger: one safe line, no security event


@dataclass
class SecurityLog:
    """The lines of the log as far as they have been read."""

    path: Path
    events: list[SecurityEvent] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)  # lines that are not ours; there must be none
    _offset: int = 0

    def read(self) -> list[SecurityEvent]:
        """Read the lines that are complete and new, and return their events."""
        with self.path.open("rb") as file:
            file.seek(self._offset)
            whole, newline, _rest = file.read().rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        found = [event for line in whole.split(b"\n") if line for event in self._parse(line)]
        self.events.extend(found)
        return found

    def failures(self, address: str) -> list[SecurityEvent]:
        """Return the failed logins that the log ascribes to the address."""
        return [event for event in self.events if event.type.name == "login_failed" and event.address == address]

    def _parse(self, line: bytes) -> list[SecurityEvent]:
        text = line.decode("ascii", "backslashreplace")
        try:
            return [parse(text)]
        except ValueError:
            if FOREIGN_MARK not in text:
                self.strange.append(text)
            return []


def as_record(event: SecurityEvent) -> logging.LogRecord:
    """Return the event as the log record that it was, for a formatter."""
    level = event.type.level
    values = {"levelno": level, "levelname": logging.getLevelName(level), "security_event": event}
    return logging.makeLogRecord(values)
