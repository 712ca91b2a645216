"""The file handler of the security log: one write for each line, rotation by renaming, and never an exception."""

from __future__ import annotations

import logging
import os
from logging.handlers import WatchedFileHandler
from typing import Any, Literal

from security_logging.handlers.last_resort import LastResort

# Opening a FIFO that nobody reads would wait, and a login with it: O_NONBLOCK makes that, and a full pipe, an error.
# On a regular file it does nothing. Windows knows neither flag.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)


class SecurityFileHandler(WatchedFileHandler):
    """
    Append each record to a file with a single write, so that several processes can share the file.

    The file is opened at the first record, created with mode 0640, and opened again when logrotate has renamed it or
    somebody has closed it. A line that cannot be written - directory missing, disk full, permission denied, pipe full
    - goes to standard error instead, where systemd or Docker keep it, unless that is full too; `failures` counts such
    lines. `emit` raises nothing: a login must not fail for want of disk space. What `encoding` does not have is written
    with a backslash; the security log is ASCII.
    """

    stream: Any  # a raw file, or None while there is none

    def __init__(
        self, filename: str | os.PathLike[str], *, file_mode: int = 0o640, encoding: Literal["ascii", "utf-8"] = "ascii"
    ) -> None:
        """Remember the file; do not open it, so that a missing directory cannot keep Django from starting."""
        self.file_mode = file_mode
        self.failures = 0
        self._torn = False
        super().__init__(filename, mode="a", encoding=encoding, delay=True)
        self._last_resort = LastResort(f"cannot write {self.baseFilename}")

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's line, or send it to standard error."""
        line = ""
        try:
            line = self.format(record)
            self._write(line)
        except Exception as error:  # noqa: BLE001 (a login must not fail for want of disk space)
            self.failures += 1
            self._last_resort.write([line or _message(record)], error)

    def reopenIfNeeded(self) -> None:  # noqa: N802 (the standard library's name)
        """Open the file, unless it is open, still has its name and is still ours."""
        try:
            named = os.stat(self.baseFilename)  # noqa: PTH116 (at every line, and a Path costs more than the call)
        except OSError:
            named = None
        if named is None or named.st_ino != self.ino or named.st_dev != self.dev or not self._is_ours():
            self._release()
            self.stream = self._open()
            self._statstream()

    def close(self) -> None:
        """Close the file; a later record opens it again."""
        self.acquire()
        try:
            self._release()
        finally:
            self.release()
        super().close()

    def _open(self) -> Any:
        # The stream does not close its descriptor by itself: the number may be another file's then, see _is_ours.
        return open(os.open(self.baseFilename, _FLAGS, self.file_mode), "ab", buffering=0, closefd=False)

    def _is_ours(self) -> bool:
        """
        Tell whether the stream's descriptor still stands for the file that we opened.

        What turns a process into a daemon closes every descriptor; the next file that is opened, the database perhaps,
        gets the number, and our lines.
        """
        try:
            held = os.fstat(self.stream.fileno()) if self.stream else None
        except OSError:
            return False
        return held is not None and held.st_ino == self.ino and held.st_dev == self.dev

    def _release(self) -> None:
        if self._is_ours():
            os.close(self.stream.fileno())
        self.stream = None

    def _write(self, line: str) -> None:
        self.reopenIfNeeded()
        # After a torn line a line end comes first: glued to its remains, this line would be no line at all. The
        # filter wants a space behind the address, so the remains of an address never count.
        data = b"\n" * self._torn + line.encode(self.encoding or "ascii", "backslashreplace") + b"\n"
        written = os.write(self.stream.fileno(), data)
        self._torn = written != len(data)
        if self._torn:
            raise OSError(f"only {written} of {len(data)} bytes were written")


def _message(record: logging.LogRecord) -> str:
    """Return what can be said of a record that cannot be formatted, as one line."""
    try:
        return ascii(record.getMessage())[1:-1]
    except Exception:  # noqa: BLE001 (any object may be logged, also one that cannot be shown)
        return f"a record of {record.name!a} that cannot be formatted"
