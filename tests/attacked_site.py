"""The test project under attack over loopback: its log, what the log says, and what the real Fail2ban counts of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fail2ban_server import SHIPPED, fail2ban_regex
from security_logging.events.line import parse
from security_logging.formatters import SecurityLineFormatter
from security_logging.handlers import SecurityFileHandler

VISITOR = "203.0.113.7"
FILTER = SHIPPED / "filter.d" / "django-security.conf"


def visitor(request: object) -> str:
    """Return the address of everybody who comes over loopback, which itself may not be banned."""
    return VISITOR


@contextmanager
def logging_to(path: Path) -> Iterator[Path]:
    """Write the security log of this process to a file, as a server does; yield its path."""
    handler = SecurityFileHandler(path)
    handler.setFormatter(SecurityLineFormatter())
    logging.getLogger("security").addHandler(handler)
    path.touch()
    yield path
    logging.getLogger("security").removeHandler(handler)
    handler.close()


def lines(log: Path) -> list[str]:
    """Return what has happened, sorted: event, reason and whether the browser marked it."""
    events = [parse(line) for line in log.read_text().splitlines()]
    return sorted(f"{e.type.name} {e.fields['reason']} {e.fields.get('crosssite', '-')}" for e in events)


def counted(log: Path, mode: str) -> list[str]:
    """Return the addresses that the real Fail2ban counts, one for each line."""
    return fail2ban_regex(log, FILTER, f"mode={mode}", output="ip")
