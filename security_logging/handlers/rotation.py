"""Rotation by the processes that write the log, for machines without logrotate: by renaming, and without waiting."""

from __future__ import annotations

import os
from contextlib import suppress

try:
    import fcntl
except ImportError:  # Windows, which renames no open file either
    fcntl = None  # type: ignore[assignment]


def rotate(path: str, size: int, keep: int) -> None:
    """
    Rename the file to `path`.1, that one to `path`.2 and so on; at most `keep` old files stay.

    Nothing happens while another process does it, or when it has been done: `size` is from how many bytes on the file
    is too big. Raises OSError when the files cannot be renamed.
    """
    with suppress(BlockingIOError, FileNotFoundError):  # another process has the lock, or has renamed it just now
        _rotate(os.path.realpath(path), size, keep)


def is_possible() -> bool:
    """Return whether this system has what it takes."""
    return fcntl is not None


def _rotate(path: str, size: int, keep: int) -> None:
    # A lock belongs to what open() returns, and a forked process shares that; so the file is opened for the lock alone.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        locked = os.fstat(descriptor)
        # Only who has the lock on the file with this name renames it: it cannot be another file after this question.
        if os.path.samestat(locked, os.stat(path)) and locked.st_size >= size:  # noqa: PTH116 (with fstat above)
            _rename(path, keep)
    finally:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # also for a child that was forked at this moment
        os.close(descriptor)


def _rename(path: str, keep: int) -> None:
    for number in range(keep - 1, 0, -1):
        with suppress(FileNotFoundError):
            os.replace(f"{path}.{number}", f"{path}.{number + 1}")  # noqa: PTH105 (path is text throughout)
    # Last, so that nobody begins with the next rotation before this one has ended.
    os.replace(path, f"{path}.1")  # noqa: PTH105
