"""What we write to pipes, sockets, terminals and other streams arrives, or is counted; nothing waits for a reader."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import resource
import select
import selectors
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from security_logging.internal import output
from security_logging.internal.writable import EXIT_WAIT_SECONDS, WAIT_SECONDS
from stalled_pipe import StalledPipe, stalled_pipe

NO_ROOM = "there is no room"
SECONDS = 10  # within which what has to come comes


@pytest.fixture
def pipe() -> Iterator[StalledPipe]:
    """Yield a pipe that nobody reads unless the test does."""
    with stalled_pipe() as made:
        yield made


@pytest.fixture
def old_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no write be possible that is sure not to wait, as before Linux 6.4 and on macOS."""
    monkeypatch.setattr(output, "_NO_WAIT", None)


def _notice(lost: int) -> str:
    return f"security_logging: {lost} earlier lines found no room here and are lost\n"


def _refused(stream: output.TextStream, text: str, seconds: float = WAIT_SECONDS) -> None:
    with pytest.raises(BlockingIOError, match=NO_ROOM):
        output.write(stream, text, seconds)


def test_pipe(pipe: StalledPipe) -> None:
    """A pipe gets the text, and what its encoding does not have with a backslash."""
    output.write(pipe.stream, "one\n\u00e9\n")
    assert pipe.read() == "one\n\\xe9\n"


def test_full_pipe(pipe: StalledPipe) -> None:
    """What a full pipe has no room for is refused, and the next line that it takes says how many lines are missing."""
    pipe.fill()
    for _ in range(3):
        _refused(pipe.stream, "one\ntwo\n")
    pipe.read()
    output.write(pipe.stream, "three\n")
    output.write(pipe.stream, "four\n")
    assert pipe.read() == _notice(6) + "three\nfour\n"


def test_notice_that_finds_no_room(pipe: StalledPipe) -> None:
    """A line that could not follow the notice is counted with the others."""
    pipe.fill()
    _refused(pipe.stream, "one\n")
    _refused(pipe.stream, "two\n")
    pipe.read()
    output.write(pipe.stream, "three\n")
    assert pipe.read() == _notice(2) + "three\n"


@pytest.mark.parametrize("kernel", ["new", "old"])
def test_whole_lines(pipe: StalledPipe, request: pytest.FixtureRequest, kernel: str) -> None:
    """However many lines come, those that the pipe takes are whole and in order."""
    if kernel == "old":
        request.getfixturevalue("old_kernel")
    refused = 0
    for number in range(200):
        try:
            output.write(pipe.stream, f"{number:03} ".ljust(150, "x") + "\n")
        except BlockingIOError:
            refused += 1
    lines = pipe.read().splitlines()
    assert lines == [f"{number:03} ".ljust(150, "x") for number in range(200 - refused)]
    assert refused > 100


def test_torn_line(pipe: StalledPipe) -> None:
    """When only a part of a long line found room, the next line begins anew, and the torn one counts as lost."""
    _refused(pipe.stream, "a" * (pipe.room + 1) + "\n")
    torn = pipe.read()
    output.write(pipe.stream, "b\n")
    output.write(pipe.stream, "c\n")
    assert (set(torn), pipe.read()) == ({"a"}, f"\n{_notice(1)}b\nc\n")


def test_long_line(pipe: StalledPipe) -> None:
    """A line that is longer than the pipe arrives whole if somebody reads."""
    received: list[str] = []

    def read() -> None:
        while not "".join(received).endswith("\n"):
            received.append(pipe.read())

    reading = threading.Thread(target=read)
    reading.start()
    output.write(pipe.stream, "a" * 5 * pipe.room + "\n", SECONDS)
    reading.join(SECONDS)
    assert "".join(received) == "a" * 5 * pipe.room + "\n"


def test_descriptor_is_left_as_it_is(pipe: StalledPipe) -> None:
    """The descriptor is shared with other processes, which may want to wait: it stays as it was."""
    before = fcntl.fcntl(pipe.stream.fileno(), fcntl.F_GETFL)
    output.write(pipe.stream, "a\n")
    assert (fcntl.fcntl(pipe.stream.fileno(), fcntl.F_GETFL), os.get_blocking(pipe.stream.fileno())) == (before, True)


def _fill(writer: socket.socket) -> None:
    writer.setblocking(False)
    while True:
        writer.send(b"-" * 10_000)


def test_full_socket() -> None:
    """Standard error may be a socket of journald's: it is not waited for either."""
    reader, writer = socket.socketpair()
    with reader, writer, os.fdopen(os.dup(writer.fileno()), "w", encoding="ascii") as stream:
        output.write(stream, "one\n")
        assert reader.recv(100) == b"one\n"
        with pytest.raises(BlockingIOError):
            _fill(writer)
        writer.setblocking(True)
        _refused(stream, "two\n")


def test_stopped_terminal() -> None:
    """A terminal that was stopped with Ctrl-S is not waited for."""
    main, terminal = pty.openpty()
    with os.fdopen(terminal, "w", encoding="utf-8") as stream:
        termios.tcflow(terminal, termios.TCOOFF)
        _refused(stream, "one\n")
        termios.tcflow(terminal, termios.TCOON)
        output.write(stream, "two\n")
        assert os.read(main, 1000).decode().replace("\r", "") == _notice(1) + "two\n"
    os.close(main)


def test_file(tmp_path: Path) -> None:
    """A file takes everything at once."""
    with (tmp_path / "errors").open("w") as stream:
        output.write(stream, "one\ntwo\n")
    assert (tmp_path / "errors").read_text() == "one\ntwo\n"


def test_descriptor_beyond_select(pipe: StalledPipe) -> None:
    """A process with more files open than select can ask about waits for room all the same."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with open(fcntl.fcntl(pipe.stream.fileno(), fcntl.F_DUPFD, 1024), "w", encoding="utf-8") as far:
        pipe.fill()
        _refused(far, "one\n")
        pipe.read()
        output.write(far, "two\n")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert pipe.read().endswith("\ntwo\n")


def test_reader_that_is_gone() -> None:
    """A pipe whose reader is gone refuses the line, and no signal kills the process."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w", encoding="ascii")
    with pytest.raises(BrokenPipeError):
        output.write(stream, "one\n")
    stream.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, pipe: StalledPipe) -> list[float]:
    """Fill the pipe; return for about how many seconds it was waited for, each time."""
    waited: list[float] = []

    def ask(self: object, seconds: float) -> list[object]:
        waited.append(round(seconds, 2))
        return []

    monkeypatch.setattr(selectors.PollSelector, "select", ask)
    pipe.fill()
    return waited


def test_not_waited_for_again(asked: list[float], pipe: StalledPipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe that stayed full is not waited for again for a second, so that a flood of logins is not slowed down."""
    now = time.monotonic()
    monkeypatch.setattr(output._target(pipe.stream.fileno())._writable, "_clock", lambda: now)
    for seconds in (0.0, 0.9, 0.2):
        now += seconds
        _refused(pipe.stream, "a\n")
    assert asked == [WAIT_SECONDS, 0, WAIT_SECONDS]


def test_waited_for_longer_at_the_end(asked: list[float], pipe: StalledPipe) -> None:
    """What is written when the process ends is worth a longer wait."""
    _refused(pipe.stream, "a\n")
    _refused(pipe.stream, "b\n", EXIT_WAIT_SECONDS)
    assert asked == [WAIT_SECONDS, EXIT_WAIT_SECONDS]


def test_two_threads(pipe: StalledPipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread does not wait longer for another one than it would for the pipe."""
    pipe.fill()
    first = threading.Thread(target=_refused, args=(pipe.stream, "a\n", 1.0))
    waits, real = threading.Event(), select.poll

    class Poll:
        def __init__(self) -> None:
            self._poll = real()

        def __getattr__(self, name: str) -> Callable[..., object]:
            waits.set()
            return cast("Callable[..., object]", getattr(self._poll, name))

    monkeypatch.setattr(selectors.PollSelector, "_selector_cls", Poll)
    first.start()
    assert waits.wait(SECONDS)
    began = time.monotonic()
    _refused(pipe.stream, "b\n")
    assert time.monotonic() - began < 0.9
    first.join()


class Tee(io.StringIO):
    """A stream that answers in some way when it is asked for its descriptor."""

    def __init__(self, answer: Callable[[], object]) -> None:
        super().__init__()
        self.answer = answer

    def fileno(self) -> int:
        return self.answer()  # type: ignore[return-value]  # older versions of Celery return None


def unknown() -> object:
    """Fail as a stream may that has no descriptor."""
    raise NotImplementedError


@pytest.mark.parametrize("answer", [lambda: None, unknown, lambda: 2], ids=["None", "raises", "Jupyter"])
def test_other_stream(answer: Callable[[], object]) -> None:
    """What only stands in for a text file is written as it is: it shows the text in its own place."""
    stream = Tee(answer)
    output.write(stream, "a\n")
    assert stream.getvalue() == "a\n"


def test_text_in_memory() -> None:
    """A text file without a descriptor, e.g. that of pytest, is written as it is."""
    memory = io.BytesIO()
    stream = io.TextIOWrapper(memory, "ascii")
    output.write(stream, "a\n")
    assert memory.getvalue() == b"a\n"
    stream.close()


def test_no_stream() -> None:
    """Where there is no standard error, the line is refused."""
    with pytest.raises(OSError, match="no such stream"):
        output.write(None, "a\n")


def test_windows(pipe: StalledPipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no pipe tells whether it has room, the stream is written as it is."""
    monkeypatch.setattr(output, "_AT_ONCE", 0)
    output.write(pipe.stream, "a\n")
    assert pipe.read() == "a\n"


class TwoAtOnce:
    """A stream in which a second thread writes too before the first has done so."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def write(self, text: str) -> None:
        if text == "first\n":
            second = threading.Thread(target=output.write, args=(self, "second\n"))
            second.start()
            second.join()
        self.texts.append(text)

    def flush(self) -> None: ...


def test_two_threads_and_a_stream_without_descriptor() -> None:
    """What keeps a thread from running in circles costs no other thread its line."""
    stream = TwoAtOnce()
    output.write(stream, "first\n")
    assert stream.texts == ["second\n", "first\n"]


class Circle:
    """A stream that makes records of what is written to it, and so leads back to us."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def write(self, text: str) -> None:
        self.texts.append(text)
        output.write(self, "again\n")

    def flush(self) -> None: ...


def test_stream_that_leads_back() -> None:
    """A stream that writes to itself gets each line once."""
    stream = Circle()
    output.write(stream, "a\n")
    assert stream.texts == ["a\n"]


def test_many_files() -> None:
    """A process that makes pipes all its life does not keep what it knew about each of them."""
    for _ in range(100):
        with stalled_pipe() as pipe:
            output.write(pipe.stream, "a\n")
    assert len(output._targets) <= output._MOST_FILES


_FORK = """
import os, sys, threading
from security_logging.internal import output
output.write(sys.stderr, "x" * 4095 + "\\n")
for line in ("lost\\n", "lost\\n"):
    try:
        output.write(sys.stderr, line)
    except BlockingIOError:
        pass
held = threading.Event()
target = output._target(2)
def hold():
    with target._lock:
        held.set()
        threading.Event().wait()
threading.Thread(target=hold, daemon=True).start()
held.wait()
if os.fork() == 0:
    os.read(int(sys.argv[1]), 4096)
    output.write(sys.stderr, "child\\n")
    os._exit(0)
os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_fork() -> None:
    """A child process neither inherits a lock that a thread of its parent holds, nor what the parent has to tell."""
    with stalled_pipe(4096) as pipe:
        command = [sys.executable, "-W", "ignore", "-c", _FORK, str(pipe.reader)]  # of forks beside threads
        run = subprocess.run(command, stderr=pipe.stream, pass_fds=[pipe.reader], check=False, timeout=60)
        assert (run.returncode, pipe.read()) == (0, "child\n")
