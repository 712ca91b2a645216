"""The last resort: what found no other place is on standard error, and nothing is raised."""

from __future__ import annotations

import fcntl
import io
import os
import resource
import select
import selectors
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

import pytest

from security_logging.handlers import last_resort
from security_logging.handlers.last_resort import LastResort
from security_logging.internal.patience import LAST_PATIENCE, PATIENCE

ERROR = OSError("full")


def test_notice_once_a_minute(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line is kept, the reason is told once a minute."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    resort = LastResort("cannot write x")
    for seconds in (0, 30, 31):
        now += seconds
        resort.write(["hello"], ERROR)
    notice = "security_logging: cannot write x: OSError('full'); lines follow here\n"
    assert capsys.readouterr().err == f"{notice}hello\nhello\n{notice}hello\n"


def test_descriptor_beyond_select(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process with more files open than select can ask about keeps the line all the same."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    path = tmp_path / "errors"
    with path.open("w") as file, open(fcntl.fcntl(file.fileno(), fcntl.F_DUPFD, 1024), "w", encoding="utf-8") as far:
        monkeypatch.setattr(sys, "stderr", far)
        LastResort("x").write(["hello"], ERROR)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert path.read_text("utf-8").endswith("\nhello\n")


class TwoAtOnce:
    """A stream in which a second thread writes too before the first has done so."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def write(self, text: str) -> None:
        if text == "first\n":
            second = threading.Thread(target=LastResort("x").write, args=(["second"], ERROR))
            second.start()
            second.join()
        self.texts.append(text)

    def flush(self) -> None: ...


def test_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What keeps a thread from running in circles costs no other thread its line."""
    stderr = TwoAtOnce()
    monkeypatch.setattr(sys, "stderr", stderr)
    LastResort("x").write(["first"], ERROR)
    assert [text for text in stderr.texts if not text.startswith("security_logging:")] == ["second\n", "first\n"]


class Pipe:
    """Standard error as a pipe that has room for two pages."""

    def __init__(self, reader: int, room: int) -> None:
        self.reader, self.room = reader, room

    def read(self) -> str:
        """Return what has been written since the last time."""
        assert select.select([self.reader], [], [], 10)[0]
        return os.read(self.reader, 1_000_000).decode()


@contextmanager
def piped() -> Iterator[Pipe]:
    """Let standard error be a pipe that takes ASCII; enter it inside the test, since pytest sets it before."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 8192)
    with os.fdopen(writer, "w", encoding="ascii") as stream, redirect_stderr(stream):
        yield Pipe(reader, fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ))
    os.close(reader)


@pytest.fixture
def resort() -> LastResort:
    """Return a last resort that has given its notice."""
    made = LastResort("cannot write x")
    made._noticed = time.monotonic()
    return made


def test_pipe() -> None:
    """A pipe gets the notice and the lines, and what its encoding does not have with a backslash."""
    with piped() as pipe:
        LastResort("cannot write x").write(["one", "\u00e9"], ERROR)
        assert pipe.read() == "security_logging: cannot write x: OSError('full'); lines follow here\none\n\\xe9\n"


def test_full_pipe(resort: LastResort) -> None:
    """What a full pipe has no room for is lost; when it is read again, lines are there again, all of them whole."""
    with piped() as pipe:
        for _ in range(pipe.room):
            resort.write(["a" * 100], ERROR)
        filled = pipe.read()
        resort.write(["b"], ERROR)
        assert (set(filled.splitlines()), filled[-1], pipe.read()) == ({"a" * 100}, "\n", "b\n")


def test_notice_that_found_no_room(resort: LastResort) -> None:
    """A notice that a full pipe did not take is given as soon as there is room."""
    with piped() as pipe:
        resort.write(["a" * (pipe.room - 1)], ERROR)
        other = LastResort("cannot send to y")
        other.write(["b"], ERROR)
        pipe.read()
        other.write(["c"], ERROR)
        assert pipe.read() == "security_logging: cannot send to y: OSError('full'); lines follow here\nc\n"


def test_torn_line(resort: LastResort) -> None:
    """When only a part of a long line found room, the next line is a line of its own."""
    with piped() as pipe:
        resort.write(["a" * (pipe.room + 1)], ERROR)
        torn = pipe.read()
        resort.write(["b"], ERROR)
        resort.write(["c"], ERROR)
        assert (set(torn), pipe.read()) == ({"a"}, "\nb\nc\n")


def test_long_line(resort: LastResort) -> None:
    """A line that is longer than the pipe arrives whole if somebody reads."""
    with piped() as pipe:
        received: list[str] = []

        def read() -> None:
            while not "".join(received).endswith("\n"):
                received.append(pipe.read())

        reading = threading.Thread(target=read)
        reading.start()
        resort.write(["a" * 5 * pipe.room], ERROR, 10)
        reading.join(10)
        assert "".join(received) == "a" * 5 * pipe.room + "\n"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return for how many seconds a pipe that stays full was waited for, each time."""
    waited: list[float] = []

    def ask(self: object, seconds: float) -> list[object]:
        waited.append(seconds)
        return []

    monkeypatch.setattr(selectors.PollSelector, "select", ask)
    return waited


def test_truce(asked: list[float], resort: LastResort, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe that stayed full is not waited for again for a second, so that a flood of logins is not slowed down."""
    with piped():
        now = time.monotonic()
        monkeypatch.setattr(resort._patience, "_clock", lambda: now)
        for seconds in (0.0, 0.9, 0.2):
            now += seconds
            resort.write(["a"], ERROR)
        assert asked == [PATIENCE, 0, PATIENCE]


def test_patience_at_the_end(asked: list[float], resort: LastResort) -> None:
    """What is written when the process ends is worth a longer wait, but only one."""
    with piped():
        resort.write(["a"], ERROR)
        resort.write(["b"] * 1000, ERROR, LAST_PATIENCE)
        assert asked == [PATIENCE, LAST_PATIENCE]


class Tee(io.StringIO):
    """A stream that says in some way that it has no descriptor."""

    def __init__(self, answer: Callable[[], object]) -> None:
        super().__init__()
        self.answer = answer

    def fileno(self) -> int:
        return self.answer()  # type: ignore[return-value]  # older versions of Celery return None


def unknown() -> object:
    """Fail as a stream may that has no descriptor."""
    raise NotImplementedError


@pytest.mark.parametrize("answer", [lambda: None, unknown], ids=["None", "raises"])
def test_stream_without_descriptor(
    monkeypatch: pytest.MonkeyPatch, resort: LastResort, answer: Callable[[], object]
) -> None:
    """A stream that has no descriptor is written as it is."""
    stream = Tee(answer)
    monkeypatch.setattr(sys, "stderr", stream)
    resort.write(["a"], ERROR)
    assert stream.getvalue() == "a\n"


def test_windows(resort: LastResort, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no pipe tells whether it has room, standard error is written as it is."""
    with piped() as pipe:
        monkeypatch.setattr(last_resort, "_AT_ONCE", 0)
        resort.write(["a"], ERROR)
        assert pipe.read() == "a\n"
