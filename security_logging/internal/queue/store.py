"""What one process keeps on disk for a destination: its spool, the spools it inherits, and the dead letters."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from security_logging.internal.errors import report
from security_logging.internal.queue import refused, spool
from security_logging.internal.queue.message import Message
from security_logging.internal.queue.spool import Chunk, SpoolFile

_ORPHAN_INTERVAL = 30.0  # seconds between two looks for spools of processes that are gone


class Store:
    """
    The messages on disk. It takes no lock: the worker sees to it that one thread at a time is here.

    OSError is raised only where it says so; everywhere else it is reported to `security_logging.internal`.
    """

    def __init__(self, directory: Callable[[], Path], limit: int) -> None:
        """Use the directory from the first message on; `limit` is in bytes, for all its spool files together."""
        self.waiting = 0  # messages of this process on disk
        self.oldest: int | None = None  # time of the first of them
        self._directory = directory
        self._limit = limit
        self._file: SpoolFile | None = None
        self._next_look = float("-inf")

    @property
    def seconds_to_next_look(self) -> float:
        """Seconds until it is time to look for spools of processes that are gone."""
        return max(0.0, self._next_look - time.monotonic())

    def keep(self, messages: Sequence[Message]) -> None:
        """Write the messages to the spool; raises OSError, with nothing written, when it is full or the disk fails."""
        directory = self._directory()
        if spool.used_bytes(directory) >= self._limit:
            raise OSError("the spool is full")
        self._open(directory).append(messages)
        self.waiting += len(messages)
        if self.oldest is None:
            self.oldest = messages[0].timestamp

    def chunk(self) -> Chunk | None:
        """Return what waits first in our spool; None when nothing does. Raises OSError when it cannot be read."""
        return None if self._file is None else self._file.chunk()

    def advance(self, chunk: Chunk, unsent: Sequence[Message]) -> None:
        """
        Note that the chunk is delivered but for the unsent messages; a spool in which nothing waits is removed.

        Raises OSError when the disk fails.
        """
        if self._file is None:
            return
        self._file.settle(chunk, unsent)
        self.waiting += len(unsent) - len(chunk.messages)
        self.oldest = unsent[0].timestamp if unsent else chunk.messages[-1].timestamp if chunk.messages else self.oldest
        if self._file.is_empty:
            file, self._file, self.waiting, self.oldest = self._file, None, 0, None
            file.remove()

    def make_sure(self) -> None:
        """Write what waits into a new spool when ours was removed; raises OSError when that fails."""
        if self._file is not None and self._file.is_removed:
            self._open(self._directory())

    def refuse(self, found: Sequence[tuple[Message, str]]) -> int:
        """Put the messages with the reasons aside for good, and return how many of them are kept."""
        try:
            return refused.keep(self._directory(), found) if found else 0
        except OSError:
            report("dead letters")
            return 0

    def orphans(self) -> Iterator[SpoolFile]:
        """Yield the spools of processes that are gone, one after the other, every 30 seconds at most."""
        if self.seconds_to_next_look:
            return
        self._next_look = time.monotonic() + _ORPHAN_INTERVAL
        try:
            for orphan in spool.orphans(self._directory()):
                with _closed(orphan):
                    yield orphan
        except OSError:
            report("spool")

    def close(self) -> None:
        """Give up our spool: one in which nothing waits is removed, another process may deliver any other."""
        file, self._file, self.waiting, self.oldest = self._file, None, 0, None
        if file is not None:
            with _closed(file):
                pass

    def abandon(self) -> None:
        """Close the descriptor that a fork has copied; the spool is the parent's."""
        file, self._file = self._file, None
        if file is not None:
            file.abandon()

    def _open(self, directory: Path) -> SpoolFile:
        file = self._file
        if file is None:
            file = SpoolFile.create(directory)
        elif file.is_removed:
            file = self._moved(file, directory)
        self._file = file  # returned by its own name: a signal handler may give it up before the next line
        return file

    @staticmethod
    def _moved(gone: SpoolFile, directory: Path) -> SpoolFile:
        made = SpoolFile.create(directory)
        try:
            for lines in gone.rest():
                made.append_lines(lines)
        except OSError:
            made.remove()
            raise
        gone.abandon()
        return made


@contextmanager
def _closed(file: SpoolFile) -> Iterator[None]:
    try:
        yield
    finally:
        try:
            file.close()
        except OSError:  # a file system that was remounted read-only, for one
            report("spool")
