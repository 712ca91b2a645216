"""Read a log file that other processes write and rotate: all complete lines, each once."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from security_logging.internal.files import open_file

CHUNK_BYTES = 950_000  # one batch, with the bytes that CloudWatch counts for each event
GRACE = 2.0  # seconds in which a writer may still write into a renamed file
_HEAD_BYTES = 256  # they contain time and id of the first line, which no other file has
_COMPRESSED = {".gz", ".bz2", ".xz", ".zst"}


class Position(NamedTuple):
    """A position in a file. It is still valid when the file is renamed, or when another file gets its inode."""

    device: int
    inode: int
    offset: int  # bytes
    modified: int  # nanoseconds since 1970, when the position was taken
    head: str  # digest of the first bytes
    head_bytes: int


class LogFile:
    """
    Follow the file at `path` through its rotation by renaming (logrotate's `create`).

    It starts at `position`, or at the beginning of the file; files that were renamed before are then not read. `gaps`
    counts how often a part was removed before it was read: a file was truncated, removed or compressed.
    """

    def __init__(
        self,
        path: Path,
        position: Position | None = None,
        *,
        grace: float = GRACE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Find the file of the position; `grace` is in seconds."""
        self.path = path
        self.gaps = 0
        self.is_waiting = False  # for the last line of a renamed file
        self._grace = grace
        self._clock = clock
        self._descriptor = -1
        self._offset = 0
        self._head, self._head_bytes = "", 0  # the beginning of the file, to notice when it is another file
        self._renamed_before = {file.stat().st_ino for file in self._rotated()}
        if position is not None:
            self._resume(position)

    @property
    def position(self) -> Position:
        """Return the position after the last line that was read."""
        found = os.fstat(self._descriptor)
        head, head_bytes = (self._head, self._head_bytes) if self._offset else (_digest(self._descriptor, 0), 0)
        return Position(found.st_dev, found.st_ino, self._offset, found.st_mtime_ns, head, head_bytes)

    @property
    def backlog(self) -> int:
        """Return the number of bytes that are still to be read, in this file and the files after it."""
        if self._descriptor < 0:
            return self.path.stat().st_size if self.path.exists() else 0
        here = max(0, os.fstat(self._descriptor).st_size - self._offset)
        return here + sum(path.stat().st_size for path in self._later())

    def read(self) -> bytes:
        """Return the next complete lines, about 1 MB; empty if there are none yet."""
        self.is_waiting = False
        while self.open():
            lines = self._complete_lines()
            if lines or not self._is_finished():
                return lines
            last_words = self._last_words()
            if last_words:
                return last_words
            self._open(self._later()[0])
        return b""

    def open(self) -> bool:
        """Open the file if none is open; return whether one is open. Call it early, before the log is renamed."""
        if self._descriptor >= 0:
            return True
        renamed = [file for file in self._rotated() if file.stat().st_ino not in self._renamed_before]
        return any(self._open(file) for file in [*renamed, self.path])

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _resume(self, position: Position) -> None:
        files = [*self._rotated(), self.path]
        for path in files:
            if self._open(path) and self._is_at(position):
                self._advance(position.offset)
                return
        self.gaps += 1
        newer = [path for path in files if path.exists() and path.stat().st_mtime_ns > position.modified]
        self.close()
        if newer:
            self._open(newer[0])

    def _is_at(self, position: Position) -> bool:
        found = os.fstat(self._descriptor)
        same = (found.st_dev, found.st_ino) == (position.device, position.inode)
        return (
            same
            and found.st_size >= position.offset
            and _digest(self._descriptor, position.head_bytes) == position.head
        )

    def _open(self, path: Path) -> bool:
        try:
            descriptor = open_file(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        self.close()
        self._descriptor, self._offset = descriptor, 0
        return True

    def _complete_lines(self) -> bytes:
        self._notice_truncation()
        length = CHUNK_BYTES
        while True:
            data = os.pread(self._descriptor, length, self._offset)
            lines = data[: data.rfind(b"\n") + 1]
            if lines or len(data) < length:
                break
            length *= 2  # one very long line
        self._advance(len(lines))
        return lines

    def _advance(self, length: int) -> None:
        self._offset += length
        self._head_bytes = min(_HEAD_BYTES, self._offset)
        self._head = _digest(self._descriptor, self._head_bytes)

    def _notice_truncation(self) -> None:
        is_shorter = os.fstat(self._descriptor).st_size < self._offset
        if is_shorter or (self._offset and _digest(self._descriptor, self._head_bytes) != self._head):
            self.gaps += 1
            self._offset = 0

    def _is_finished(self) -> bool:
        """Return whether our file was renamed and is no longer written to."""
        own = os.fstat(self._descriptor)
        is_renamed = bool(self._later())
        self.is_waiting = is_renamed and self._clock() - own.st_mtime < self._grace
        return is_renamed and not self.is_waiting

    def _last_words(self) -> bytes:
        """Return a last line without a line end, whose writer has ended."""
        rest = os.pread(self._descriptor, CHUNK_BYTES, self._offset)
        self._advance(len(rest))
        return rest

    def _later(self) -> list[Path]:
        """Return the files after ours, the next one first; none while ours is still being written."""
        own = os.fstat(self._descriptor)
        files = [*self._rotated(), *([self.path] if self.path.exists() else [])]
        inodes = [path.stat().st_ino for path in files]
        if own.st_ino in inodes:
            return files[inodes.index(own.st_ino) + 1 :]
        return [path for path in files if path == self.path or path.stat().st_mtime_ns > own.st_mtime_ns]

    def _rotated(self) -> list[Path]:
        found = [path for path in self.path.parent.glob(f"{self.path.name}[.-]*") if path.suffix not in _COMPRESSED]
        return sorted(found, key=_age)


def _age(path: Path) -> tuple[int, int, str]:
    number = int(path.suffix[1:]) if path.suffix[1:].isdigit() else 0
    return path.stat().st_mtime_ns, -number, path.name


def _digest(descriptor: int, length: int) -> str:
    return hashlib.sha256(os.pread(descriptor, length, 0)).hexdigest()[:32]
