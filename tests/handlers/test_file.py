"""The file handler: whole lines, whatever happens to the file, the disk and the processes around it."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from requires import require_root
from security_logging.handlers.file import SecurityFileHandler

FULL = "/dev/full"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return the path of a log that does not exist yet."""
    return tmp_path / "security.log"


@pytest.fixture
def handler(log: Path) -> Iterator[SecurityFileHandler]:
    """Yield a handler for the log."""
    handler = SecurityFileHandler(log)
    yield handler
    handler.close()


def _handle(handler: logging.Handler, message: object = "hello") -> None:
    handler.handle(logging.LogRecord("x", logging.WARNING, "", 1, message, None, None))


_START = """
import logging, os, sys
from security_logging.handlers import SecurityFileHandler

def write(handler, message):
    handler.handle(logging.LogRecord("x", logging.WARNING, "", 1, message, None, None))
"""


def _run(
    script: str, *arguments: object, below: tuple[str, ...] = (), stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own; it finds a function that writes a message."""
    command = [*below, sys.executable, "-c", _START + script, *map(str, arguments)]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60, check=True)


def test_line(handler: SecurityFileHandler, log: Path) -> None:
    """A record becomes a line."""
    _handle(handler)
    assert log.read_bytes() == b"hello\n"


def test_appends(handler: SecurityFileHandler, log: Path) -> None:
    """What is there stays."""
    log.write_text("before\n")
    _handle(handler)
    assert log.read_text() == "before\nhello\n"


def test_nothing_is_opened_before_the_first_record(handler: SecurityFileHandler, log: Path) -> None:
    """Reading the settings creates no file, least of all one that belongs to root."""
    assert not log.exists()


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_mode(handler: SecurityFileHandler, log: Path, umask: int) -> None:
    """Others may not read the log, whatever the umask leaves."""
    before = os.umask(umask)
    try:
        _handle(handler)
    finally:
        os.umask(before)
    assert stat.S_IMODE(log.stat().st_mode) == 0o640


def test_mode_of_the_project(log: Path) -> None:
    """A project may choose another mode."""
    handler = SecurityFileHandler(log, file_mode=0o600)
    _handle(handler)
    handler.close()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_mode_of_a_file_that_exists(handler: SecurityFileHandler, log: Path) -> None:
    """A file that logrotate or an administrator made keeps its mode."""
    log.touch(mode=0o604)
    log.chmod(0o604)
    _handle(handler)
    assert stat.S_IMODE(log.stat().st_mode) == 0o604


def test_one_write_for_a_line(handler: SecurityFileHandler, monkeypatch: pytest.MonkeyPatch, log: Path) -> None:
    """Line and line end go to the kernel in one call, so that no other process gets between them."""
    written: list[bytes] = []
    really = os.write

    def write(descriptor: int, data: bytes) -> int:
        written.append(data)
        return really(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    _handle(handler, "x" * 2000)
    assert written == [b"x" * 2000 + b"\n"]


def test_ascii(handler: SecurityFileHandler, log: Path) -> None:
    """Whatever a formatter of the project writes, the file stays ASCII."""
    _handle(handler, "\u00e9\ud800")
    assert log.read_bytes() == b"\\xe9\\ud800\n"


def test_utf_8(log: Path) -> None:
    """A file for people may have every letter; what no encoding has is still written with a backslash."""
    handler = SecurityFileHandler(log, encoding="utf-8")
    _handle(handler, "\u00e9\ud800")
    handler.close()
    assert log.read_bytes() == b"\xc3\xa9\\ud800\n"


def test_rotation(handler: SecurityFileHandler, log: Path) -> None:
    """When logrotate has renamed the file, the next line opens a new one."""
    _handle(handler, "one")
    log.rename(log.with_suffix(".1"))
    _handle(handler, "two")
    assert (log.read_text(), log.with_suffix(".1").read_text()) == ("two\n", "one\n")


def test_rotation_with_create(handler: SecurityFileHandler, log: Path) -> None:
    """The same when logrotate has made the new file already."""
    _handle(handler, "one")
    log.rename(log.with_suffix(".1"))
    log.touch()
    _handle(handler, "two")
    assert log.read_text() == "two\n"


def test_rotation_closes_the_old_file(handler: SecurityFileHandler, log: Path) -> None:
    """A thousand rotations do not use up the descriptors."""
    for _ in range(3):
        _handle(handler)
        log.rename(log.with_suffix(".1"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    _handle(handler)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


_APPEND = """
import time
handler = SecurityFileHandler(sys.argv[1])
for number in range(int(sys.argv[3])):
    write(handler, f"{sys.argv[2]} {number:04} ".ljust(1900, "x"))
"""


def test_several_processes_and_rotation(log: Path) -> None:
    """Four processes write into one file that is renamed all the time: each line is there once, and whole."""
    count = 300
    workers = [threading.Thread(target=_run, args=(_APPEND, log, name, count)) for name in "abcd"]
    for worker in workers:
        worker.start()
    rotations = 0
    while any(worker.is_alive() for worker in workers) and rotations < 10_000:
        if log.exists():
            log.rename(log.with_suffix(f".{rotations}"))
            rotations += 1
        workers[0].join(0.002)
    for worker in workers:
        worker.join()
    lines = sorted(line for path in log.parent.iterdir() for line in path.read_text().splitlines())
    assert lines == [f"{name} {number:04} ".ljust(1900, "x") for name in "abcd" for number in range(count)]
    assert rotations > 1


_FORK = """
handler = SecurityFileHandler(sys.argv[1])
write(handler, "before")
child = os.fork()
for number in range(100):
    write(handler, f"{'parent' if child else 'child'} {number}")
if child:
    os.waitpid(child, 0)
"""


def test_fork(log: Path) -> None:
    """What gunicorn does after loading the project: both processes go on with the file that is open."""
    _run(_FORK, log)
    wanted = ["before", *(f"{name} {number}" for name in ("child", "parent") for number in range(100))]
    assert sorted(log.read_text().splitlines()) == sorted(wanted)


def test_missing_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the directory is missing the line goes to standard error, with a notice that says why."""
    path = tmp_path / "missing/security.log"
    handler = SecurityFileHandler(path)
    _handle(handler)
    error = "FileNotFoundError(2, 'No such file or directory')"
    assert capsys.readouterr().err == f"security_logging: cannot write {path}: {error}; lines follow here\nhello\n"
    assert handler.failures == 1


def test_directory_that_appears_later(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As soon as the directory is there, lines go into the file."""
    path = tmp_path / "missing/security.log"
    handler = SecurityFileHandler(path)
    _handle(handler, "one")
    path.parent.mkdir()
    _handle(handler, "two")
    handler.close()
    assert path.read_text() == "two\n"


def test_directory_that_goes_away(handler: SecurityFileHandler, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """When the directory is removed while the file is open, lines go to standard error and not into nowhere."""
    _handle(handler, "one")
    shutil.rmtree(log.parent)
    _handle(handler, "two")
    assert capsys.readouterr().err.endswith("\ntwo\n")


def test_notice_once_a_minute(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line is kept, the notice comes once a minute."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    handler = SecurityFileHandler(FULL)
    for seconds in (0, 30, 31):
        now += seconds
        _handle(handler)
    handler.close()
    assert [line.split()[0] for line in capsys.readouterr().err.splitlines()] == [
        "security_logging:", "hello", "hello", "security_logging:", "hello",
    ]  # fmt: skip


def test_disk_full(capsys: pytest.CaptureFixture[str]) -> None:
    """On a full disk the line goes to standard error."""
    handler = SecurityFileHandler(FULL)
    _handle(handler)
    handler.close()
    assert capsys.readouterr().err == (
        f"security_logging: cannot write {FULL}: OSError(28, 'No space left on device'); lines follow here\nhello\n"
    )


_TORN = """
import resource
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
handler = SecurityFileHandler(sys.argv[1])
write(handler, "one")
resource.setrlimit(resource.RLIMIT_FSIZE, (8, hard))
write(handler, "torn line")
write(handler, "refused line")
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
write(handler, "two")
write(handler, "three")
print(handler.failures)
"""


def test_torn_line(log: Path) -> None:
    """When only a part of a line found room, the next one begins a line of its own, and none is lost."""
    run = _run(_TORN, log)
    assert log.read_text() == "one\ntorn\ntwo\nthree\n"
    notice = f"security_logging: cannot write {log}: OSError('only 4 of 10 bytes were written'); lines follow here"
    assert (run.stdout, run.stderr.splitlines()) == ("2\n", [notice, "torn line", "refused line"])


def test_torn_line_is_kept_whole(
    handler: SecurityFileHandler, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line of which only a part was written is on standard error in full."""
    really = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: really(descriptor, data[:3]))
    _handle(handler)
    assert capsys.readouterr().err.endswith("OSError('only 3 of 6 bytes were written'); lines follow here\nhello\n")


_TINY_DISK = """
import subprocess
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", sys.argv[1]], check=True)
path = os.path.join(sys.argv[1], "security.log")
handler = SecurityFileHandler(path)
for number in range(7):
    write(handler, f"{number} ".ljust(1000, "x"))
os.truncate(path, 1001)
write(handler, "there is room again")
with open(path) as file:
    print(file.read(), end="")
"""


def test_disk_that_fills_up(tmp_path: Path) -> None:
    """On a real disk that is too small no line is lost, and the file goes on when there is room again."""
    require_root()
    run = _run(_TINY_DISK, tmp_path, below=("unshare", "--mount"))
    assert run.stdout.splitlines() == ["0 ".ljust(1000, "x"), "there is room again"]
    assert [line[:2] for line in run.stderr.splitlines()[1:]] == ["4 ", "5 ", "6 "]


def test_descriptor_closed_by_somebody_else(handler: SecurityFileHandler, log: Path) -> None:
    """What turns a process into a daemon closes every descriptor: the file is opened again."""
    _handle(handler, "one")
    os.close(handler.stream.fileno())
    _handle(handler, "two")
    assert log.read_text() == "one\ntwo\n"


@pytest.fixture
def database(handler: SecurityFileHandler, tmp_path: Path) -> Iterator[int]:
    """Yield the descriptor of another file, which got the number that the log had before."""
    _handle(handler, "one")
    number = handler.stream.fileno()
    os.close(number)
    descriptor = os.open(tmp_path / "database", os.O_RDWR | os.O_CREAT)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)
    yield number
    os.close(number)


def test_descriptor_that_is_another_file_now(handler: SecurityFileHandler, log: Path, database: int) -> None:
    """When the number is another file's by then, our lines do not go into that file."""
    _handle(handler, "two")
    assert (log.read_text(), os.fstat(database).st_size) == ("one\ntwo\n", 0)


def test_closing_a_descriptor_that_is_another_file_now(handler: SecurityFileHandler, database: int) -> None:
    """Nor is that file closed with the handler."""
    handler.close()
    assert os.fstat(database).st_size == 0


def test_closed_handler(handler: SecurityFileHandler, log: Path) -> None:
    """A line that comes after the end, when logging was shut down already, is kept too."""
    _handle(handler, "one")
    handler.close()
    _handle(handler, "two")
    assert log.read_text() == "one\ntwo\n"


def test_close_closes(handler: SecurityFileHandler) -> None:
    """A closed handler keeps no descriptor."""
    _handle(handler)
    number = handler.stream.fileno()
    handler.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


class _Broken:
    def write(self, text: str) -> None:
        raise ValueError("I/O operation on closed file")


@pytest.mark.parametrize("stderr", [None, _Broken()], ids=["None", "closed"])
def test_without_standard_error(monkeypatch: pytest.MonkeyPatch, stderr: object) -> None:
    """Where there is no place left at all, the line is counted as lost and nothing is raised."""
    monkeypatch.setattr(sys, "stderr", stderr)
    handler = SecurityFileHandler(FULL)
    _handle(handler)
    handler.close()
    assert handler.failures == 1


def test_notice_when_standard_error_is_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A notice that nobody saw is given again."""
    handler = SecurityFileHandler(FULL)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", None)
        _handle(handler)
    _handle(handler)
    handler.close()
    assert capsys.readouterr().err.startswith("security_logging: cannot write /dev/full")


_NOBODY_READS = """
handler = SecurityFileHandler("/dev/full")
for number in range(1000):
    write(handler, f"{number:04} ".ljust(200, "x"))
print(handler.failures)
"""


def test_standard_error_that_nobody_reads() -> None:
    """Where standard error is full as well, a login does not wait for it; what it did take are whole lines."""
    reader, writer = os.pipe()
    try:
        command = [sys.executable, "-c", _START + _NOBODY_READS]
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=writer, text=True, timeout=60, check=True)
        taken = os.read(reader, 1_000_000).decode()
    finally:
        os.close(reader)
        os.close(writer)
    lines = taken.splitlines()[1:]
    assert (run.stdout, lines) == ("1000\n", [f"{number:04} ".ljust(200, "x") for number in range(len(lines))])
    assert taken.endswith("x\n")


class _MadeRecordsOf:
    """Standard error as Celery has it: each line that is written to it becomes a record."""

    def __init__(self, handler: logging.Handler) -> None:
        self.handler = handler
        self.texts: list[str] = []

    def write(self, text: str) -> None:
        self.texts.append(text)
        _handle(self.handler, text)

    def flush(self) -> None:
        pass


def test_standard_error_that_leads_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where standard error leads back to the handler, it does not run in circles."""
    handler = SecurityFileHandler(FULL)
    stderr = _MadeRecordsOf(handler)
    monkeypatch.setattr(sys, "stderr", stderr)
    _handle(handler)
    handler.close()
    assert ([text.splitlines()[1:] for text in stderr.texts], handler.failures) == ([["hello"]], 2)


_FIFO = """
os.mkfifo(sys.argv[1])
write(SecurityFileHandler(sys.argv[1]), "hello")
"""


def test_fifo_without_a_reader(log: Path) -> None:
    """A FIFO that nobody reads does not keep a login waiting."""
    assert _run(_FIFO, log).stderr.endswith("lines follow here\nhello\n")


def test_fifo_with_a_reader(handler: SecurityFileHandler, log: Path) -> None:
    """A FIFO that somebody reads is as good as a file."""
    os.mkfifo(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    _handle(handler)
    received = os.read(reader, 100)
    os.close(reader)
    assert received == b"hello\n"


_FULL_FIFO = """
os.mkfifo(sys.argv[1])
reader = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK)
handler = SecurityFileHandler(sys.argv[1])
for _ in range(40):
    write(handler, "x" * 4000)
print(handler.failures)
"""


def test_fifo_that_is_full(log: Path) -> None:
    """A FIFO whose reader has fallen asleep does not keep a login waiting either."""
    run = _run(_FULL_FIFO, log)
    assert run.stderr.count("x" * 4000) == int(run.stdout) > 0


def test_fifo_whose_reader_has_gone(
    handler: SecurityFileHandler, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """When the reader of a FIFO goes, lines go to standard error; when another comes, to the FIFO again."""
    os.mkfifo(log)
    os.close(_read_one(handler, log))
    _handle(handler, "nobody")
    reader = _read_one(handler, log)
    os.close(reader)
    assert (capsys.readouterr().err.splitlines()[1:], handler.failures) == (["nobody"], 1)


def _read_one(handler: SecurityFileHandler, log: Path) -> int:
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    _handle(handler, "somebody")
    assert os.read(reader, 100) == b"somebody\n"
    return reader


@pytest.mark.parametrize(("path", "stream"), [("/dev/stdout", "stdout"), ("/dev/stderr", "stderr")])
def test_standard_stream(path: str, stream: str) -> None:
    """In a container the log may be a standard stream."""
    assert getattr(_run("write(SecurityFileHandler(sys.argv[1]), 'hello')", path), stream) == "hello\n"


def test_standard_stream_that_is_a_file(tmp_path: Path) -> None:
    """The same when the stream is redirected into a file."""
    with (tmp_path / "out").open("w") as file:
        _run("write(SecurityFileHandler('/dev/stdout'), 'hello')", stdout=file.fileno())
    assert (tmp_path / "out").read_text() == "hello\n"


def test_null_device(capsys: pytest.CaptureFixture[str]) -> None:
    """Who does not want the log writes it to /dev/null."""
    handler = SecurityFileHandler("/dev/null")
    _handle(handler)
    handler.close()
    assert (handler.failures, capsys.readouterr().err) == (0, "")


def test_directory_in_place_of_the_file(
    handler: SecurityFileHandler, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A directory of that name is one more reason for standard error."""
    log.mkdir()
    _handle(handler)
    assert capsys.readouterr().err.endswith("\nhello\n")


class _CannotFormat(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        raise RuntimeError("no")


class _CannotBeShown:
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("hello", 'log level="WARNING" logger="x" message="hello"'),
        ("one\ntwo \u2028 \x1b[2J", r'log level="WARNING" logger="x" message="one\ntwo \u2028 \u001b[2J"'),
        (_CannotBeShown(), 'log level="WARNING" logger="x" message="(_CannotBeShown that cannot be shown) '),
    ],
    ids=["text", "hostile text", "no text"],
)
def test_formatter_that_raises(
    handler: SecurityFileHandler, log: Path, capsys: pytest.CaptureFixture[str], message: object, shown: str
) -> None:
    """When the formatter raises, the record is in the file all the same, as one safe line."""
    handler.setFormatter(_CannotFormat())
    _handle(handler, message)
    (line,) = log.read_text().splitlines()
    assert line.partition("]: ")[2].startswith(shown)
    assert (capsys.readouterr().err, handler.failures) == ("", 0)
