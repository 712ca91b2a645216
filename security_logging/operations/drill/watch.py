"""Follow a file from the beginning of the drill on: its new events, and its new bytes."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from security_logging.events.event import SecurityEvent
from security_logging.internal.files import open_to_read
from security_logging.operations import reading

POLL_SECONDS = 0.05
_MOST = 64_000_000  # bytes of one file that are looked at


class Watch:
    """The bytes and events that are written to a file from now on, through rotation."""

    def __init__(self, path: Path) -> None:
        """Begin at the end of the file; one that does not exist yet begins at its start."""
        self.path = path
        self.events: list[SecurityEvent] = []
        self.written = bytearray()
        self._rest = b""
        self._file: IO[bytes] | None = None
        with contextlib.suppress(FileNotFoundError):
            self._file = open_to_read(path)
            self._file.seek(0, os.SEEK_END)

    def read(self) -> list[SecurityEvent]:
        """Return all events that have arrived since the beginning."""
        self._take()
        if self._is_renamed():
            self._take()
            self.close()
            with contextlib.suppress(FileNotFoundError):
                self._file = open_to_read(self.path)
            self._take()
        return self.events

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _take(self) -> None:
        data = b"" if self._file is None else self._file.read(_MOST - len(self.written))
        self.written += data
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.events.extend(reading.Reader().events(lines))

    def _is_renamed(self) -> bool:
        try:
            now = self.path.stat()
        except FileNotFoundError:
            return False
        return self._file is None or not os.path.samestat(os.fstat(self._file.fileno()), now)


def wait_for(condition: Callable[[], object], seconds: float, *, every: float = POLL_SECONDS) -> bool:
    """Wait until the condition holds, at most that many seconds; return whether it does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True
