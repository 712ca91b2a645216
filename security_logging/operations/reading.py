"""Read the security log: the lines of its files, through rotation, and the events in them."""

from __future__ import annotations

import gzip
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, cast

from security_logging.events import ecs
from security_logging.events.event import SecurityEvent
from security_logging.events.line import parse as parse_line
from security_logging.events.type_registry import FOREIGN
from security_logging.internal.files import open_to_read

LONGEST = 65_536  # bytes of a line that are kept; ours are far shorter
POLL_SECONDS = 0.25
_FOREIGN = f"]: {FOREIGN} level="


def parse(line: str) -> SecurityEvent:
    """Return the event of a line of text or JSON; raises ValueError when it holds none."""
    return ecs.parse_json(line) if line.startswith("{") else parse_line(line)


def is_foreign(line: str) -> bool:
    """Return whether the line is a record of another logger, as our formatters write it."""
    return _FOREIGN in line[:80] or (line.startswith('{"@timestamp":') and '"event":' not in line[:120])


def as_record(event: SecurityEvent) -> logging.LogRecord:
    """Return a log record of the event, for a formatter."""
    level = event.type.level
    values = {"levelno": level, "levelname": logging.getLevelName(level), "security_event": event}
    return logging.makeLogRecord(values)


class Reader:
    """Reads events from lines; `skipped` counts the lines without one, `foreign` those of them from other loggers."""

    def __init__(self) -> None:
        """Begin to count at zero."""
        self.skipped = 0
        self.foreign = 0

    def events(self, lines: Iterable[bytes]) -> Iterator[SecurityEvent]:
        """Yield the events in the lines, each as soon as its line is there."""
        for line in lines:
            text = line.decode("ascii", "backslashreplace")
            try:
                yield parse(text.rstrip("\r\n"))
            except ValueError:
                self.skipped += 1
                self.foreign += is_foreign(text)


def lines_of(
    path: Path, *, since: datetime | None = None, past: bool = True, wait: Callable[[], bool] | None = None
) -> Iterator[bytes]:
    """
    Yield the lines of the log: first those of rotated files that reach back to `since`, at last new ones as they come.

    Without `past` only new lines are yielded. `wait` is called at the end of the file and returns whether to go on;
    None stops there. When logrotate has renamed the file, the new one is read. Memory does not grow with the file.
    Raises OSError when the log cannot be read.
    """
    file = open_to_read(path)
    try:
        if not past:
            file.seek(0, os.SEEK_END)
        for older in rotated(path, since) if since and past else []:
            with _open(older) as rotated_file:
                yield from _lines(rotated_file)
        yield from _whole_lines(file)
        while wait is not None:
            is_renamed = _is_renamed(file, path)  # asked before the pause: a process may still write to the old file
            if not wait():
                break
            if is_renamed:
                yield from _lines(file)
                file.close()
                file = open_to_read(path)
            elif file.tell() > os.fstat(file.fileno()).st_size:
                file.seek(0)
            yield from _whole_lines(file)
        yield from _lines(file)
    finally:
        file.close()


def pause() -> bool:
    """Wait a quarter of a second, and go on."""
    time.sleep(POLL_SECONDS)
    return True


def rotated(path: Path, since: datetime | None = None) -> list[Path]:
    """Return the rotated files of the log that may hold lines from `since` on, the oldest first."""
    least = since.timestamp() if since else 0
    found = [(old.stat().st_mtime, old) for old in path.parent.glob(f"{path.name}[.-]*") if old.is_file()]
    return [old for modified, old in sorted(found) if modified >= least]


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    with open_to_read(path) as file:
        yield cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if path.suffix == ".gz" else file


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    while line := file.readline(LONGEST):
        yield line
        while line and not line.endswith(b"\n") and len(line) == LONGEST:
            line = file.readline(LONGEST)  # the rest of a line that is too long to be ours


def _whole_lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield complete lines only; a line that is being written is left for later."""
    start = file.tell()
    for line in _lines(file):
        if not line.endswith(b"\n") and len(line) < LONGEST:
            file.seek(start)
            return
        yield line
        start = file.tell()


def _is_renamed(file: IO[bytes], path: Path) -> bool:
    try:
        return not os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:  # between the renaming and the next line
        return False
