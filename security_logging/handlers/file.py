"""The file handler of the security log: one write for each line, rotation by renaming, and never an exception."""

from __future__ import annotations

import logging
import os
import time
from typing import Any, Literal

from security_logging.handlers import rotation
from security_logging.handlers.last_resort import LastResort
from security_logging.handlers.open_file import OpenFile
from security_logging.handlers.unlocked import UnlockedHandler
from security_logging.internal import degraded
from security_logging.internal.errors import report_misuse
from security_logging.internal.files import open_file

# Opening a FIFO without a reader would wait, and the login with it. With O_NONBLOCK it is an error, as is a full pipe.
# On a regular file it does nothing. Windows knows neither flag.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
SLOW_WRITE_SECONDS = 0.5  # from which on a write is reported


class SecurityFileHandler(UnlockedHandler, logging.FileHandler):
    """
    Append each record to a file with a single write, so that several threads and processes can share the file.

    The file is opened at the first record, created with mode 0640, and opened again when logrotate has renamed it or
    something has closed it. As root it follows no link of another user's, and a new file belongs to the owner of the
    old one or of the directory, so that the site can go on with it. With `rotate_bytes` the processes rename the file
    themselves before it grows beyond that size, and keep `rotate_files` old ones; not on Windows.

    A line that cannot be written (directory missing, disk full, permission denied, pipe full) goes to standard error
    instead, where systemd or Docker keep it, unless that is full too; `failures` counts such lines. `emit` raises
    nothing: a login must not fail for want of disk space. What `encoding` does not have is written with a backslash;
    the security log is ASCII.

    The write is synchronous: a login takes as long as its line does, and no other one waits for it. A write of half a
    second or more is logged as `logging_degraded sink=file`, once a minute.
    """

    stream: Any  # an OpenFile, or None while there is none

    def __init__(
        self,
        filename: str | os.PathLike[str],
        *,
        file_mode: int = 0o640,
        encoding: Literal["ascii", "utf-8"] = "ascii",
        rotate_bytes: int = 0,
        rotate_files: int = 10,
    ) -> None:
        """Remember the file; do not open it, so that a missing directory cannot keep Django from starting."""
        self.file_mode = file_mode
        self.failures = 0
        self.rotate_bytes = rotate_bytes if rotation.is_possible() else 0
        self.rotate_files = max(1, rotate_files)
        self._before: os.stat_result | None = None  # the file that was open last
        super().__init__(filename, mode="a", encoding=encoding, delay=True)
        self._last_resort = LastResort(f"cannot write {self.baseFilename}")

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's line, or send it to standard error."""
        line = self.line(record)
        try:
            self._write(line)
        except Exception as error:  # noqa: BLE001 (a login must not fail for want of disk space)
            self.failures += 1
            self._last_resort.write([line], error)

    def close(self) -> None:
        """Close the file as soon as no thread writes to it; a later record opens it again."""
        self.stream = None
        super().close()

    def _open(self) -> Any:
        return OpenFile(open_file(self.baseFilename, _FLAGS, self.file_mode, self._before))

    def _write(self, line: str) -> None:
        data = line.encode(self.encoding or "ascii", "backslashreplace") + b"\n"
        file, size = self._current()
        if self.rotate_bytes and size and size + len(data) > self.rotate_bytes and file.is_regular:
            self._rotate(len(data))
            file, size = self._current()
        began = time.monotonic()
        file.append(data, size)
        seconds = time.monotonic() - began
        if seconds >= SLOW_WRITE_SECONDS:
            degraded.note("file", f"a write to {self.baseFilename} took {seconds:.1f} s")

    def _current(self) -> tuple[OpenFile, int]:
        """Return the file and its size; open it, unless it is open and still has its name."""
        # No lock: two threads may both open the file, and the one that is not kept is closed after its write.
        file = self.stream
        status = file.status() if file is not None else None
        if status is None or not file.is_named(self.baseFilename):
            self._before = status or self._before  # after a rotation the new file belongs to whom the old one did
            self.stream = file = self._open()
            status = os.fstat(file.fileno())
        return file, status.st_size

    def _rotate(self, length: int) -> None:
        try:
            rotation.rotate(self.baseFilename, max(1, self.rotate_bytes - length + 1), self.rotate_files)
        except OSError as error:  # it grows until it can be renamed
            what = f"{self.baseFilename} cannot be rotated: {type(error).__name__} {error.errno}"
            report_misuse(f"rotation of {self.baseFilename}", what)
