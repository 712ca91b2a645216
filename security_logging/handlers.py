"""The file handler of the security log: one write for each line, rotation by renaming, and never an exception."""

from __future__ import annotations

import logging
import os
import sys
import time
from logging.handlers import WatchedFileHandler
from typing import Any

_NOTICE_INTERVAL = 60  # seconds between two notices about the same broken file


class SecurityFileHandler(WatchedFileHandler):
    """
    Append each record to a file with a single write, so that several processes can share the file.

    The file is opened at the first record, created with mode 0640, and opened again when logrotate has renamed it. A
    line that cannot be written - directory missing, disk full, permission denied - goes to standard error instead,
    where systemd or Docker keep it; `failures` counts such lines. `emit` raises nothing: a login must not fail for
    want of disk space.
    """

    def __init__(self, filename: str | os.PathLike[str], *, file_mode: int = 0o640) -> None:
        """Remember the file; do not open it, so that a missing directory cannot keep Django from starting."""
        self.file_mode = file_mode
        self.failures = 0
        self._torn = False
        self._noticed = float("-inf")
        super().__init__(filename, mode="a", encoding="ascii", delay=True)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's line, or send it to standard error."""
        line = ""
        try:
            line = self.format(record)
            self._write(line)
        except Exception as error:  # noqa: BLE001 (a login must not fail for want of disk space)
            self._fall_back(line or record.getMessage().encode("unicode_escape").decode("ascii"), error)

    def _open(self) -> Any:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return open(os.open(self.baseFilename, flags, self.file_mode), "ab", buffering=0)

    def _write(self, line: str) -> None:
        self.reopenIfNeeded()
        if self.stream is None:
            self.stream = self._open()
            self._statstream()
        # After a torn line a line end comes first: glued to its remains, this line would be no line at all. The
        # filter wants a space behind the address, so the remains of an address never count.
        data = b"\n" * self._torn + line.encode("ascii", "backslashreplace") + b"\n"
        written = os.write(self.stream.fileno(), data)
        self._torn = written != len(data)
        if self._torn:
            raise OSError(f"only {written} of {len(data)} bytes were written")

    def _fall_back(self, line: str, error: Exception) -> None:
        self.failures += 1
        try:
            if time.monotonic() - self._noticed > _NOTICE_INTERVAL:
                self._noticed = time.monotonic()
                sys.stderr.write(f"security_logging: cannot write {self.baseFilename}: {error!r}; lines follow here\n")
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001 (standard error is closed or None: there is no place left)
            self._noticed = float("-inf")
