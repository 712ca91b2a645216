"""Real journal files: what the product's handler sends, stored by systemd-journal-remote as journald stores it."""

from __future__ import annotations

import logging
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from requires import require
from security_logging.handlers.journald import JournaldHandler

UNIT = "shop.service"
_PROGRAM = shutil.which("systemd-journal-remote", path="/lib/systemd:/usr/lib/systemd")
# What the journal of this machine's systemd has learnt since the oldest Fail2ban's machine is not written.
_OLD_FORM = {"SYSTEMD_JOURNAL_COMPACT": "0"}
_HANDLER = JournaldHandler()


def require_journal() -> None:
    """Require the program that writes journals."""
    require(_PROGRAM is not None, "systemd-journal-remote is missing: run `make test-packages`")


def entry(record: logging.LogRecord, unit: str = UNIT, seconds_ago: float = 0) -> bytes:
    """Return a record as a journal entry: the handler's own bytes, after what journald itself knows of the sender."""
    return forged(_HANDLER.encode(record), unit, seconds_ago)


def forged(fields: bytes, unit: str = "other.service", seconds_ago: float = 0) -> bytes:
    """Return an entry with any fields that a program may send; journald says truly which unit it is."""
    microseconds = int((time.time() - seconds_ago) * 1_000_000)
    head = f"__REALTIME_TIMESTAMP={microseconds}\n__MONOTONIC_TIMESTAMP={microseconds}\n_BOOT_ID={1:032x}\n"
    known = f"_HOSTNAME=web1\n_SYSTEMD_UNIT={unit}\n_PID=412\n_TRANSPORT=journal\n"
    return head.encode() + known.encode() + fields + b"\n"


class Journal:
    """A journal file that grows while it is read, as a context manager."""

    def __init__(self, path: Path) -> None:
        """Take a name that ends in .journal."""
        self.path = path

    def __enter__(self) -> Journal:  # noqa: PYI034 - Self needs Python 3.11
        """Start the program that writes it."""
        assert _PROGRAM is not None
        self._process = subprocess.Popen(
            [_PROGRAM, "--output", str(self.path), "-"],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=_OLD_FORM,
        )  # fmt: skip
        return self

    def add(self, entries: Iterable[bytes]) -> None:
        """Append entries."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"".join(entries))
        self._process.stdin.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the journal; what the program complains about is a failure."""
        _, said = self._process.communicate(timeout=60)
        if error is None:
            assert (self._process.returncode, b"rror" in said) == (0, False), said
