"""The spool: one file for each process with the events that could not be sent yet."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from security_logging.cloudwatch.batches import LogEvent
from security_logging.internal.errors import guarded

PATTERN = "spool-*.jsonl"
_CHUNK_BYTES = 1024 * 1024
_POLITE = 50  # events after which other threads get their turn; Python would let them wait for 5 ms


class Waiting(NamedTuple):
    """An event that waits, and where it is to go."""

    group: str
    stream: str
    event: LogEvent


class Run(NamedTuple):
    """Neighbouring events of a spool with one destination, and the offset behind them."""

    group: str
    stream: str
    events: list[LogEvent]
    end: int


class SpoolFile:
    """A spool file that this process has locked; the lock goes with the process, whatever ends it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Take over the open and locked descriptor."""
        self.path = path
        self._descriptor = descriptor
        self._start = 0  # bytes that are delivered already

    @classmethod
    def create(cls, directory: Path) -> SpoolFile:
        """Return a new spool file with mode 0600; raises OSError when that is not possible."""
        path = directory / f"spool-{os.getpid()}-{os.urandom(4).hex()}.jsonl"
        unlocked = path.with_suffix(".new")  # named like a spool only once it is locked, or it would be adopted
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(unlocked, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            unlocked.rename(path)
        except OSError:  # NFS without locks, a full disk: the next event tries again, until no descriptor is left
            os.close(descriptor)
            with suppress(OSError):
                unlocked.unlink()
            raise
        return cls(path, descriptor)

    @classmethod
    def adopt(cls, path: Path) -> SpoolFile | None:
        """
        Return the spool file of a process that is gone; None when its process lives or the file vanished.

        Raises OSError when it cannot be opened or locked.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_gone = os.fstat(descriptor).st_nlink == 0  # another process has just replayed and removed it
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                return None
            raise
        if is_gone:
            os.close(descriptor)
            return None
        return cls(path, descriptor)

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing waits in the file."""
        return os.fstat(self._descriptor).st_size <= self._start

    def append(self, waiting: Iterable[Waiting]) -> None:
        """Append the events; raises OSError, with the file as it was, when they cannot all be written."""
        data = "".join(_politely(waiting)).encode("ascii")
        size = os.fstat(self._descriptor).st_size
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError:
            os.ftruncate(self._descriptor, size)
            raise

    def runs(self) -> list[Run]:
        """Return what waits first, about 1 MB of it; unreadable lines, torn by a crash, are left out."""
        return list(_runs(self._lines(self._start), self._start))

    def advance(self, end: int) -> None:
        """Note that everything before that offset is delivered."""
        self._start = end
        if self.is_empty:
            os.ftruncate(self._descriptor, 0)
            self._start = 0

    def remove(self) -> None:
        """Remove the file and give up the lock, also when OSError is raised; the events in it are gone."""
        try:
            self.path.unlink(missing_ok=True)
        finally:
            self.close()

    def close(self) -> None:
        """Give up the file, for another process to replay."""
        # The number may be another file's from here on, and a thread of ours still be at work with this one.
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)

    def _lines(self, position: int) -> bytes:
        length = _CHUNK_BYTES
        while True:
            data = os.pread(self._descriptor, length, position)
            complete = data[: data.rfind(b"\n") + 1]
            if complete or len(data) < length:
                return complete
            length *= 2


def used_bytes(directory: Path) -> int:
    """Return the bytes of all spool files."""
    total = 0
    for path in directory.glob(PATTERN):
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # replayed and removed by its process meanwhile
            continue
    return total


def orphans(directory: Path) -> Iterator[SpoolFile]:
    """Yield the spool files of processes that are gone, oldest name first, each locked; one that fails is reported."""
    for path in sorted(directory.glob(PATTERN)):
        found = guarded("cloudwatch spool")(SpoolFile.adopt)(path)
        if found is not None:
            yield found


def _politely(waiting: Iterable[Waiting]) -> Iterator[str]:
    for number, item in enumerate(waiting):
        if number % _POLITE == 0:
            time.sleep(0)
        yield _line(item)


def _line(waiting: Waiting) -> str:
    return json.dumps({"group": waiting.group, "stream": waiting.stream, **waiting.event}) + "\n"


def _runs(data: bytes, position: int) -> Iterator[Run]:
    run = Run("", "", [], position)
    for line in data.splitlines(keepends=True):
        position += len(line)
        found = _parsed(line)
        if found is not None and found[:2] != run[:2]:
            if run.events:
                yield run
            run = Run(found.group, found.stream, [], position)
        run.events.extend([] if found is None else [found.event])
        run = run._replace(end=position)
    if data:
        yield run


def _parsed(line: bytes) -> Waiting | None:
    try:
        found = json.loads(line)
        return Waiting(
            found["group"], found["stream"], LogEvent(timestamp=found["timestamp"], message=found["message"])
        )
    except (ValueError, KeyError, TypeError):
        return None
