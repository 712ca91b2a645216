"""The spool: one file for each process with the messages that are not delivered yet."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from security_logging.internal.errors import report
from security_logging.internal.queue.message import Message

if sys.platform != "win32":  # where nothing is spooled, but the queue without a spool works
    import fcntl

PATTERN = "spool-*.jsonl"
_UNNAMED = ".new"
_CHUNK_BYTES = 1024 * 1024
_POLITE = 50  # messages after which other threads get their turn; Python would let them wait for 5 ms


class Chunk(NamedTuple):
    """The messages that wait first in a spool, and how many bytes they take there."""

    messages: list[Message]
    length: int


class SpoolFile:
    """
    A spool file that this process has locked; the lock goes with the process, whatever ends it.

    A file in which nothing waits any more is removed at once, so that nothing is delivered twice.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        """Take over the open and locked descriptor."""
        self.path = path
        self._descriptor = descriptor
        self._start = 0  # bytes that are delivered already
        self._half: Chunk | None = None  # what is left of the chunk that comes next

    @classmethod
    def create(cls, directory: Path) -> SpoolFile:
        """Return a new spool file with mode 0600; raises OSError when that is not possible."""
        path = directory / f"spool-{os.getpid()}-{os.urandom(4).hex()}.jsonl"
        return cls(path, _create(path))

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
            is_gone = os.fstat(descriptor).st_nlink == 0  # another process has just delivered and removed it
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
        """Whether nothing waits in the file."""
        return os.fstat(self._descriptor).st_size <= self._start

    @property
    def is_removed(self) -> bool:
        """Whether the file has no name any more: with this process, what waits in it would be gone."""
        return os.fstat(self._descriptor).st_nlink == 0

    def append(self, messages: Iterable[Message]) -> None:
        """Append the messages; raises OSError, with the file as it was, when they cannot all be written."""
        self.append_lines("".join(_politely(messages)).encode("ascii"))

    def append_lines(self, data: bytes) -> None:
        """Append lines of another spool file, in the same way."""
        size = os.fstat(self._descriptor).st_size
        try:
            _write(self._descriptor, data)
        except OSError:
            os.ftruncate(self._descriptor, size)
            raise

    def chunk(self) -> Chunk | None:
        """Return what waits first, about 1 MB, without lines that a crash has torn; None when nothing waits."""
        if self._half is not None:
            return self._half
        lines = self._lines(self._start)
        if not lines:
            return None
        return Chunk([message for line in lines.splitlines() if (message := _parsed(line))], len(lines))

    def rest(self) -> Iterator[bytes]:
        """Yield all lines that wait, about 1 MB at a time."""
        position = self._start
        while lines := self._lines(position):
            yield lines
            position += len(lines)

    def settle(self, chunk: Chunk, unsent: Sequence[Message]) -> None:
        """Note that the chunk is delivered but for the unsent messages, which go to the end where the disk has room."""
        if unsent:
            try:
                self.append(unsent)
            except OSError:  # nor may the rest of the chunk be sent again because of them
                report("spool")
                self._half = Chunk(list(unsent), chunk.length)
                return
        self.advance(chunk.length)

    def advance(self, length: int) -> None:
        """Note that the next `length` bytes are delivered; an offset would mean nothing in a file that was moved."""
        os.fstat(self._descriptor)  # raises when the file was closed: another process may have it
        self._start += length
        self._half = None

    def remove(self) -> None:
        """Remove the file and give up the lock, also when OSError is raised; the messages in it are gone."""
        try:
            self._unlink()
        finally:
            self.abandon()

    def close(self) -> None:
        """Leave what waits for another process to deliver, and nothing that is delivered already."""
        try:
            if self.is_empty:
                self._unlink()
            elif self._start:
                self._replace_by_rest()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close this descriptor and leave the file as it is."""
        # The number may be another file's from here on, and a thread of ours still be at work with this one.
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)

    def _unlink(self) -> None:
        try:
            self.path.unlink(missing_ok=True)
        except OSError:  # the directory is another user's by now: what stays would be delivered again and again
            os.ftruncate(self._descriptor, 0)
            raise

    def _replace_by_rest(self) -> None:
        unnamed = self.path.with_suffix(_UNNAMED)
        descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            for lines in self.rest():
                _write(descriptor, lines)
            unnamed.rename(self.path)
        except OSError:
            with suppress(OSError):
                unnamed.unlink()
            raise
        finally:
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
        except FileNotFoundError:  # delivered and removed by its process meanwhile
            continue
    return total


def waiting_seconds(directory: Path) -> float:
    """Return for how long the oldest message in a spool file has waited; 0 where none waits."""
    seconds = [_age(path) for path in directory.glob(PATTERN)]
    return max(seconds, default=0.0)


def orphans(directory: Path) -> Iterator[SpoolFile]:
    """Yield the spool files of processes that are gone, oldest name first, each locked; one that fails is reported."""
    for path in sorted(directory.glob(PATTERN)):
        try:
            found = SpoolFile.adopt(path)
        except OSError:
            report("spool")
            continue
        if found is not None:
            yield found


def _age(path: Path) -> float:
    try:
        with path.open("rb") as file:
            first = file.readline()
    except FileNotFoundError:  # delivered meanwhile
        return 0.0
    message = _parsed(first)
    if message is None:  # torn: for how long is not known
        return float("inf") if first else 0.0
    return max(0.0, time.time() - message.timestamp / 1000)


def _create(path: Path) -> int:
    unlocked = path.with_suffix(_UNNAMED)  # named like a spool only once it is locked, or it would be adopted
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(unlocked, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        unlocked.rename(path)
    except OSError:  # NFS without locks, a full disk: the next message tries again, until no descriptor is left
        os.close(descriptor)
        with suppress(OSError):
            unlocked.unlink()
        raise
    return descriptor


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _politely(messages: Iterable[Message]) -> Iterator[str]:
    for number, message in enumerate(messages):
        if number % _POLITE == _POLITE - 1:
            time.sleep(0)
        yield _line(message)


def _line(message: Message) -> str:
    return json.dumps({"target": message.target, "timestamp": message.timestamp, "message": message.text}) + "\n"


def _parsed(line: bytes) -> Message | None:
    try:
        found = json.loads(line)
        return Message(str(found["target"]), int(found["timestamp"]), str(found["message"]))
    except (ValueError, KeyError, TypeError):
        return None
