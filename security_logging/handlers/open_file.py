"""A log file that is open for appending: whole lines, also after another process tore one, and no lock."""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress

# Opens the file of a descriptor again, for reading too, whatever its name leads to by now.
_SAME_FILE = "/proc/self/fd/{}"
_PAUSES = (0, 0.001)  # seconds, before it is looked again whether the last line is whole
_READ_TOO = os.O_RDWR | os.O_APPEND | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)


class OpenFile:
    """
    The descriptor of a log, shared by all threads of a process and closed when the last one lets go of it.

    So a thread can open the new file after a rotation while another one still writes to the old file.
    """

    def __init__(self, descriptor: int) -> None:
        """Take over a descriptor that is open for appending."""
        status = os.fstat(descriptor)
        self._device, self._inode = status.st_dev, status.st_ino
        self.is_regular = stat.S_ISREG(status.st_mode)
        self._descriptor = descriptor
        self._can_read = self.is_regular and _made_readable(descriptor)
        self._is_torn = False
        self._end = -1  # size of the file after our last line, if no other process has written meanwhile

    def __del__(self) -> None:
        """Close the descriptor, unless its number is another file's by now."""
        with suppress(AttributeError, OSError):  # AttributeError: fstat failed in __init__
            if self.status() is not None:
                os.close(self._descriptor)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def status(self) -> os.stat_result | None:
        """
        Return what fstat says of the file, None when the descriptor does not stand for it any more.

        What turns a process into a daemon closes every descriptor; the next file that is opened, the database perhaps,
        gets the number, and would get our lines.
        """
        try:
            status = os.fstat(self._descriptor)
        except OSError:
            status = None
        if status is None or status.st_ino != self._inode or status.st_dev != self._device:
            self._descriptor = -1  # for ever: the next file that is opened may be this one again
            return None
        return status

    def is_named(self, path: str) -> bool:
        """Return whether the path still leads to the file; after a rotation it does not."""
        try:
            status = os.stat(path)  # noqa: PTH116 (at every line, and a Path costs more than the call)
        except OSError:
            return False
        return status.st_ino == self._inode and status.st_dev == self._device

    def append(self, line: bytes, size: int) -> None:
        """
        Write the line with one call; `size` is that of the file. Raises OSError when not all of it was written.

        A line end comes first where the file does not end with one: a disk was full, or a process killed, in the middle
        of a line, and glued to its remains this line would be no line at all. The filter wants a space behind an
        address, so the remains of an address never count, and an empty line means nothing to Fail2ban.
        """
        data = line if self._ends_with_line(size) else b"\n" + line
        written = os.write(self._descriptor, data)
        self._is_torn = written != len(data)
        self._end = -1 if self._is_torn else size + written
        if self._is_torn:
            raise OSError(f"only {written} of {len(data)} bytes were written")

    def _ends_with_line(self, size: int) -> bool:
        if not self._can_read:  # a pipe, or a file that we may write but not read
            return not self._is_torn
        if size == self._end or self._has_line_end(size):
            return True
        for pause in _PAUSES:
            # Another process may be in the middle of its write. To write nothing waits, on most file systems of Linux,
            # until it is done. If the file still looks torn then, one empty line too many would harm nothing.
            os.write(self._descriptor, b"")
            time.sleep(pause)
            if self._has_line_end(os.fstat(self._descriptor).st_size):
                return True
        return False

    def _has_line_end(self, size: int) -> bool:
        return not size or os.pread(self._descriptor, 1, size - 1) == b"\n"


def _made_readable(descriptor: int) -> bool:
    """Let the descriptor be one that the file can be read with too; return whether that is allowed."""
    try:
        better = os.open(_SAME_FILE.format(descriptor), _READ_TOO)
    except OSError:
        return False
    os.dup2(better, descriptor, inheritable=False)
    os.close(better)
    return True
