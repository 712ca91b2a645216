"""Writing to standard error and other text streams without waiting for the program that reads them."""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import threading
import time
from contextvars import ContextVar
from typing import Protocol

from security_logging.internal.writable import WAIT_SECONDS, Writable

_AT_ONCE = getattr(select, "PIPE_BUF", 0)  # bytes that a pipe with room takes; 0 on Windows, where no pipe can be asked
_NO_WAIT = getattr(os, "RWF_NOWAIT", None)  # for one write; O_NONBLOCK would hold for every process with the descriptor
_NOT_SUPPORTED = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM, errno.EINVAL)  # Linux before 6.4, terminals, seccomp
_MOST_FILES = 64  # of which a process keeps the state
_NOTICE = b"security_logging: %d earlier lines found no room here and are lost\n"
_writing: ContextVar[bool] = ContextVar("security_logging_output", default=False)


class TextStream(Protocol):
    """What we need of a text stream."""

    def write(self, text: str, /) -> object:
        """Take the text."""

    def flush(self) -> object:
        """Pass it on."""


def write(stream: TextStream | None, text: str, seconds: float = WAIT_SECONDS) -> None:
    """
    Write the text, which is one or several whole lines, to a stream that others may write to as well.

    A pipe, socket or terminal that is full is waited for `seconds` at most, and not again for a second after that.
    Raises OSError when lines found no room; the next write to the same file says in a line of its own how many.
    Windows cannot say whether a pipe has room, and a stream without a descriptor, e.g. Jupyter's, cannot either: these
    are written as Python does it, and can wait.
    """
    if stream is None:  # below a Windows service, and in some daemons
        raise OSError(errno.EBADF, "there is no such stream")
    descriptor = _descriptor(stream)
    if descriptor is None:
        _write_as_python_does(stream, text)
    else:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        _target(descriptor).write(descriptor, text.encode(encoding, "backslashreplace"), seconds)


class _Target:
    """A file, pipe, socket or terminal as this process knows it; all streams that lead there share it."""

    def __init__(self, *, is_file: bool) -> None:
        self._is_file = is_file
        self._lock = threading.RLock()  # a signal handler may log while the thread that it interrupts writes
        self._writable = Writable()
        self._is_torn = False
        self._lost = 0  # lines since the last notice

    def write(self, descriptor: int, data: bytes, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        rest = data
        try:
            if self._lock.acquire(timeout=seconds):
                try:
                    rest = self._write_all(descriptor, data, deadline)
                finally:
                    self._lock.release()
            if rest:
                raise BlockingIOError(errno.EAGAIN, "there is no room")
        except OSError:
            self._lost += rest.count(b"\n")
            raise

    def _write_all(self, descriptor: int, data: bytes, deadline: float) -> bytes:
        # In one write with the line, or the notice would take the last room again and again.
        notice = _NOTICE % self._lost if self._lost else b""
        rest = self._put(descriptor, notice + data, deadline)
        if len(rest) <= len(data):
            self._lost = 0
        return rest[-len(data) :]

    def _put(self, descriptor: int, data: bytes, deadline: float) -> bytes:
        """Write the lines; return the rest of them for which there was no room."""
        # Past the Python stream: all who write to it share its buffer and its lock, and one of them may be stuck.
        # The rest of a torn line is ended first, or this line would be glued to it.
        rest = memoryview(b"\n" * self._is_torn + data)
        while rest:
            written = self._write_some(descriptor, rest, deadline)
            if not written:
                break
            rest = rest[written:]
            self._is_torn = bool(rest)
        return bytes(rest[-len(data) :])

    def _write_some(self, descriptor: int, data: memoryview, deadline: float) -> int:
        """Return how many bytes found room before the deadline."""
        if self._is_file:
            return os.write(descriptor, data)
        written = _write_now(descriptor, data)
        if written:
            return written
        if not self._writable.wait(descriptor, max(0, deadline - time.monotonic())):
            return 0
        if written is None:
            # This waits only where another process fills the same pipe or terminal at this very moment.
            return os.write(descriptor, data[:_AT_ONCE])
        return _write_now(descriptor, data) or 0


def _write_now(descriptor: int, data: memoryview) -> int | None:
    """Return how many bytes found room; None where nothing can be written without the risk of waiting."""
    if _NO_WAIT is None:
        return None
    try:
        return os.pwritev(descriptor, [data], -1, _NO_WAIT)
    except BlockingIOError:
        return 0
    except OSError as error:
        if error.errno in _NOT_SUPPORTED:
            return None
        raise


_targets: dict[tuple[int, int], _Target] = {}  # by device and inode: a descriptor's number may be used again


def _target(descriptor: int) -> _Target:
    status = os.fstat(descriptor)
    key = (status.st_dev, status.st_ino)
    found = _targets.get(key)
    if found is None:
        if len(_targets) >= _MOST_FILES:
            _targets.clear()
        found = _targets.setdefault(key, _Target(is_file=stat.S_ISREG(status.st_mode)))
    return found


def _descriptor(stream: TextStream) -> int | None:
    """
    Return the descriptor of a stream; None where it has none, or where no pipe can be asked for room.

    Only Python's own text file is asked: Jupyter's stream has a descriptor too, but shows what is written elsewhere.
    """
    if not _AT_ONCE or not isinstance(stream, io.TextIOWrapper):
        return None
    try:
        return stream.fileno()
    except (OSError, ValueError):  # in memory, or closed
        return None


def _write_as_python_does(stream: TextStream, text: str) -> None:
    if _writing.get():  # the stream leads back to us: Celery makes records of what is written to standard error
        return
    token = _writing.set(True)
    try:
        stream.write(text)
        stream.flush()
    finally:
        _writing.reset(token)


if hasattr(os, "register_at_fork"):  # not on Windows
    # A thread of the parent may hold one of the locks, and the parent says itself what it has lost.
    os.register_at_fork(after_in_child=_targets.clear)
