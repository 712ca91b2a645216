"""The last resort: standard error takes the lines that found no other place, for systemd or Docker to keep."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from contextvars import ContextVar

from security_logging.internal.patience import PATIENCE, Patience

_NOTICE_INTERVAL = 60  # seconds between two notices about the same failure
_AT_ONCE = getattr(select, "PIPE_BUF", 0)  # bytes that a pipe with room takes; 0 on Windows, where only sockets tell
_writing: ContextVar[bool] = ContextVar("security_logging_last_resort", default=False)


class LastResort:
    """
    Standard error, as one handler uses it.

    A pipe or socket that nobody reads is not waited for: what it has no room for is lost. Only where another process
    fills the same pipe between our question and our write, the write can wait.
    """

    def __init__(self, failure: str) -> None:
        """Take what to call the failure that leads here, e.g. "cannot write /var/log/x"."""
        self._failure = failure
        self._noticed = float("-inf")
        self._patience = Patience()
        self._torn = False

    def write(self, lines: Sequence[str], error: Exception, patience: float = PATIENCE) -> None:
        """
        Write the lines, once a minute with the reason; where that fails too they are lost. Raises nothing.

        `patience` is for how many seconds standard error may make no progress.
        """
        with suppress(Exception):  # standard error is full, closed or None: there is no place left
            if time.monotonic() - self._noticed > _NOTICE_INTERVAL:
                self._put(f"security_logging: {self._failure}: {error!r}; lines follow here\n", patience)
                self._noticed = time.monotonic()
            for line in lines:
                self._put(f"{line}\n", patience)

    def _put(self, text: str, patience: float) -> None:
        descriptor = _descriptor()
        if descriptor is None:
            _put_into_stream(text)
        else:
            self._put_into_file(descriptor, text, patience)

    def _put_into_file(self, descriptor: int, text: str, patience: float) -> None:
        # Past the stream: its buffer and its lock belong to all who write, and one of them may be stuck. A signal
        # handler could not use it either while we are inside.
        encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
        # A torn line is ended first: what stood behind it would be no line.
        rest = b"\n" * self._torn + text.encode(encoding, "backslashreplace")
        while rest:
            if not self._patience.has_room(descriptor, patience):
                raise BlockingIOError
            rest = rest[os.write(descriptor, rest[:_AT_ONCE]) :]
            self._torn = bool(rest)


def _descriptor() -> int | None:
    """Return the descriptor of standard error; None where it is a stream without one, or cannot tell its room."""
    try:
        number = sys.stderr.fileno()
    except Exception:  # noqa: BLE001 (anything may stand in for standard error)
        return None
    return number if _AT_ONCE and isinstance(number, int) else None


def _put_into_stream(text: str) -> None:
    if _writing.get():  # standard error leads back to us: Celery makes records of what is written to it
        return
    token = _writing.set(True)
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    finally:
        _writing.reset(token)
