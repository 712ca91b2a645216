"""A pipe that nobody reads unless the test does."""

from __future__ import annotations

import fcntl
import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class StalledPipe:
    """A pipe with room for a page or two, as a stream to write to."""

    def __init__(self, reader: int, stream: TextIO) -> None:
        self.reader, self.stream = reader, stream
        self.room = fcntl.fcntl(stream.fileno(), fcntl.F_GETPIPE_SZ)

    def fill(self) -> None:
        """Leave no room."""
        os.set_blocking(self.stream.fileno(), False)
        try:
            while True:
                os.write(self.stream.fileno(), b"-" * 1023 + b"\n")
        except BlockingIOError:
            os.set_blocking(self.stream.fileno(), True)

    def read(self) -> str:
        """Return what has been written since the last time."""
        assert select.select([self.reader], [], [], 10)[0]
        return os.read(self.reader, 1_000_000).decode()


@contextmanager
def stalled_pipe(size: int = 8192) -> Iterator[StalledPipe]:
    """Yield a pipe that takes ASCII."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, size)
    with os.fdopen(writer, "w", encoding="ascii") as stream:
        yield StalledPipe(reader, stream)
    os.close(reader)
