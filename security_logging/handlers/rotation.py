"""Rotation by the processes that write the log, for machines without logrotate: by renaming, and without waiting."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import pairwise

from security_logging.internal.files import Place, find, is_root

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
    # By the directory that is open: as root whatever the path means later, another user may decide.
    place = find(path if is_root() else os.path.realpath(path))
    try:
        _rotate_in(place, size, keep)
    finally:
        place.close()


def _rotate_in(place: Place, size: int, keep: int) -> None:
    # A lock belongs to what open() returns, and a forked process shares that; so the file is opened for the lock alone.
    descriptor = os.open(place.name, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW, dir_fd=place.directory)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        locked = os.fstat(descriptor)
        # Only who has the lock on the file with this name renames it: it cannot be another file after this question.
        if os.path.samestat(locked, place.stat()) and locked.st_size >= size:
            _rename(place, keep)
    finally:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # also for a child that was forked at this moment
        os.close(descriptor)


def _rename(place: Place, keep: int) -> None:
    # The log last, so that no process begins with the next rotation before this one has ended.
    names = [place.name, *(f"{place.name}.{number}" for number in range(1, keep + 1))]
    for old, new in reversed(list(pairwise(names))):
        with suppress(FileNotFoundError):
            os.replace(old, new, src_dir_fd=place.directory, dst_dir_fd=place.directory)
