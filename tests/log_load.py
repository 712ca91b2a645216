"""A busy log: failed logins of many clients at a steady rate, while logrotate renames the file."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from security_logging.events.event import make_event
from security_logging.events.types import LOGIN_FAILED


def failed_login(address: str, **fields: str) -> logging.LogRecord:
    """Return the record of a failed login."""
    record = logging.LogRecord("security.auth", logging.WARNING, "", 0, "", None, None)
    record.security_event = make_event(LOGIN_FAILED, ip=address, net=address, **fields)
    return record


def client(number: int) -> str:
    """Return one of many addresses, a different one for each number."""
    return f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1"


def write_at_rate(
    handler: logging.Handler, lines: int, per_second: int, between: Callable[[int], None] = lambda number: None
) -> None:
    """Log one failed login of each of so many clients at that rate; call `between` with the number after each."""
    started = time.monotonic()
    for number in range(lines):
        handler.emit(failed_login(client(number)))
        between(number)
        time.sleep(max(0.0, started + (number + 1) / per_second - time.monotonic()))


def rename(log: Path) -> None:
    """Rotate as logrotate does without copytruncate: rename, and let the writer make a new file."""
    number = len(list(log.parent.glob(f"{log.name}.*"))) + 1
    log.rename(log.with_name(f"{log.name}.{number}"))
