"""Reading the log back: every line once, through rotation, and nothing that is not ours."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from security_logging.events.event import SecurityEvent
from security_logging.operations import reading
from written_log import START, event, write

ALICE, BOB = event(ip="203.0.113.7", user="alice"), event(ip="203.0.113.8", user="bob")
FOREIGN_LINE = '2026-08-01T12:00:00.123+00:00 django-security[412]: log level="WARNING" logger="x" message="y"'
FOREIGN_JSON = '{"@timestamp":"2026-08-01T12:00:00.123Z","log":{"level":"warning","logger":"x"},"message":"y"}'


def read(path: Path, reader: reading.Reader | None = None) -> list[SecurityEvent]:
    """Return the events of the file as it is now."""
    return list((reader or reading.Reader()).events(reading.lines_of(path)))


def steps(*actions: Callable[[], object]) -> Callable[[], bool]:
    """Return a way to wait that does one thing at each call, and ends when there is nothing left to do."""
    left: Iterator[Callable[[], object]] = iter(actions)

    def wait() -> bool:
        action = next(left, None)
        if action is None:
            return False
        action()
        return True

    return wait


@pytest.mark.parametrize("form", ["line", "json"])
def test_read_back(tmp_path: Path, form: str) -> None:
    """Events come back from text and from JSON as they were."""
    assert read(write(tmp_path / "security.log", ALICE, BOB, form=form)) == [ALICE, BOB]


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        pytest.param(FOREIGN_LINE, (1, 1), id="another logger's record in text"),
        pytest.param(FOREIGN_JSON, (1, 1), id="another logger's record in JSON"),
        pytest.param("Traceback (most recent call last):", (1, 0), id="what a program printed"),
        pytest.param('{"event":', (1, 0), id="JSON that is cut"),
        pytest.param("\x00\u00ff", (1, 0), id="damaged"),
        pytest.param("x" * 200_000, (1, 0), id="a line without end is one line"),
        pytest.param("x" * (2 * reading.LONGEST), (1, 0), id="a multiple of what is kept"),
    ],
)
def test_skipped(tmp_path: Path, line: str, counts: tuple[int, int]) -> None:
    """A line that holds no event is skipped and counted; the events around it are read."""
    reader = reading.Reader()
    found = read(write(tmp_path / "security.log", ALICE, line, BOB), reader)
    assert (found, (reader.skipped, reader.foreign)) == ([ALICE, BOB], counts)


def test_torn_last_line(tmp_path: Path) -> None:
    """A last line without an end is read all the same, and counted when it is no event."""
    path = write(tmp_path / "security.log", ALICE)
    path.write_bytes(path.read_bytes() + b"2026-08-01T12:0")
    reader = reading.Reader()
    assert (read(path, reader), reader.skipped) == ([ALICE], 1)


def test_rotated_files(tmp_path: Path) -> None:
    """With a beginning, rotated files come first, the oldest in front, those that ended before it not at all."""
    path = write(tmp_path / "security.log", BOB)
    with gzip.open(tmp_path / "security.log.2.gz", "wb") as file:
        file.write(b"oldest but one\n")
    write(tmp_path / "security.log.1", "older")
    write(tmp_path / "security.log.3", "too old")
    (tmp_path / "security.log.d").mkdir()
    for name, hours in {"security.log.1": 1, "security.log.2.gz": 2, "security.log.3": 30}.items():
        moment = (START - timedelta(hours=hours)).timestamp()
        os.utime(tmp_path / name, (moment, moment))
    lines = list(reading.lines_of(path, since=START - timedelta(hours=24)))
    assert [line[:14].rstrip() for line in lines] == [b"oldest but one", b"older", b"2026-08-01T12:"]


def test_follow(tmp_path: Path) -> None:
    """New lines appear, each once it is complete; old ones do not when only new ones are wanted."""
    path = write(tmp_path / "security.log", "old")
    wait = steps(lambda: append(path, b"ne"), lambda: append(path, b"w\nnewer\n"))
    assert list(reading.lines_of(path, past=False, wait=wait)) == [b"new\n", b"newer\n"]


def test_follow_after_the_past(tmp_path: Path) -> None:
    """Following begins where the past ends: no line is lost or shown twice."""
    path = write(tmp_path / "security.log", "old")
    wait = steps(lambda: write(path, "new"))
    assert list(reading.lines_of(path, wait=wait)) == [b"old\n", b"new\n"]


def test_follow_through_rotation(tmp_path: Path) -> None:
    """What a slow writer still puts into the renamed file is read, and then the new file from its start."""
    path = write(tmp_path / "security.log", "old")

    def rotate() -> None:
        path.rename(tmp_path / "security.log.1")

    def late() -> None:
        write(tmp_path / "security.log.1", "late")
        write(path, "new")

    wait = steps(rotate, late, lambda: None)
    assert list(reading.lines_of(path, wait=wait)) == [b"old\n", b"late\n", b"new\n"]


def test_follow_through_truncation(tmp_path: Path) -> None:
    """A log that logrotate's copytruncate has cut is read from its start again."""
    path = write(tmp_path / "security.log", "old and long")
    wait = steps(lambda: path.write_text("new\n"))
    assert list(reading.lines_of(path, wait=wait)) == [b"old and long\n", b"new\n"]


def append(path: Path, data: bytes) -> None:
    """Write bytes as they are."""
    with path.open("ab") as file:
        file.write(data)
