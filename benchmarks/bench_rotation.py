"""Which share of a busy log's lines Fail2ban sees while logrotate renames it, for both ways to watch a file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median

from benchmarks.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from fail2ban_server import PrivateFail2ban, short_directory, write_config
from log_load import rename, write_at_rate
from security_logging.formatters import SecurityLineFormatter
from security_logging.handlers import SecurityFileHandler

BACKENDS = ("polling", "pyinotify")
RATE = 500  # lines a second
LINES = 3000
ROTATIONS = 3
ROUNDS = 3
JAIL = """
[site]
enabled = true
filter = django-security
backend = {1}
maxretry = 1000000
findtime = 600
logpath = {0}/security.log
"""


def tables() -> Iterator[Table]:
    """Measure and yield the table."""
    rows = []
    for backend in BACKENDS:
        shares = [share(backend) for _ in range(ROUNDS)]
        rows.append([backend, f"{median(shares):.2%}", f"{min(shares):.2%}", f"{max(shares):.2%}"])
    yield Table(
        f"Lines that Fail2ban sees: {RATE} a second, {ROTATIONS} rotations in {LINES // RATE} s, renamed and reopened",
        ["backend", "median", "least", "most"],
        rows,
    )


def share(backend: str) -> float:
    """Return the share of lines that Fail2ban found in one run."""
    with short_directory() as directory:
        log = directory / "security.log"
        log.touch()
        write_config(directory, JAIL.format(directory, backend))
        handler = SecurityFileHandler(log)
        handler.setFormatter(SecurityLineFormatter())

        def between(number: int) -> None:
            if number % (LINES // ROTATIONS) == LINES // ROTATIONS // 2:
                rename(log)

        with closing(handler), PrivateFail2ban(directory) as fail2ban:
            write_at_rate(handler, LINES, RATE, between)
            return settled(fail2ban) / LINES


def settled(fail2ban: PrivateFail2ban) -> int:
    """Return how many lines were found, once there are no more for two seconds."""
    before = -1
    while (found := fail2ban.log.count("[site] Found ")) != before:
        before = found
        time.sleep(2)
    return found
