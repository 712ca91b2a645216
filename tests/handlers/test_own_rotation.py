"""Rotation by the processes that write: no line is lost, doubled or waited for."""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from requires import require_root
from security_logging.handlers import SecurityFileHandler
from security_logging.handlers import rotation as rotation_module
from security_logging.internal import errors

LINE = "x" * 99  # 100 bytes with its end


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return the path of a log that does not exist yet."""
    return tmp_path / "security.log"


def _handle(handler: logging.Handler, message: str = LINE) -> None:
    handler.handle(logging.LogRecord("x", logging.WARNING, "", 1, message, None, None))


def _contents(log: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in log.parent.iterdir()}


def test_limit(log: Path) -> None:
    """No file grows beyond the limit, and the newest old one is .1."""
    handler = SecurityFileHandler(log, rotate_bytes=15, rotate_files=9)
    for number in range(5):
        _handle(handler, f"line {number}")
    handler.close()
    assert _contents(log) == {
        "security.log": "line 4\n",
        "security.log.1": "line 2\nline 3\n",
        "security.log.2": "line 0\nline 1\n",
    }


def test_oldest(log: Path) -> None:
    """Only so many old files are kept as wanted."""
    handler = SecurityFileHandler(log, rotate_bytes=100, rotate_files=2)
    for _ in range(5):
        _handle(handler)
    handler.close()
    assert set(_contents(log)) == {"security.log", "security.log.1", "security.log.2"}


def test_line_beyond_the_limit(log: Path) -> None:
    """A line that is longer than the limit has a file of its own; no empty file is made for it."""
    handler = SecurityFileHandler(log, rotate_bytes=10)
    _handle(handler)
    _handle(handler, "short")
    handler.close()
    assert _contents(log) == {"security.log": "short\n", "security.log.1": f"{LINE}\n"}


def test_mode(log: Path) -> None:
    """The new file has the mode of the first one."""
    handler = SecurityFileHandler(log, rotate_bytes=100, file_mode=0o600)
    _handle(handler)
    _handle(handler)
    handler.close()
    assert {path.stat().st_mode & 0o777 for path in log.parent.iterdir()} == {0o600}


def test_lock_that_is_not_free(log: Path) -> None:
    """While another process rotates, the line goes into the file that there is, at once."""
    handler = SecurityFileHandler(log, rotate_bytes=100)
    _handle(handler)
    with log.open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        began = time.monotonic()
        _handle(handler, "while locked")
        seconds = time.monotonic() - began
    _handle(handler, "afterwards")
    handler.close()
    assert _contents(log) == {"security.log": "afterwards\n", "security.log.1": f"{LINE}\nwhile locked\n"}
    assert seconds < 1


def test_rotated_by_another(log: Path) -> None:
    """What another process has rotated in the meantime is not rotated again."""
    log.write_text("new\n")
    rotation_module.rotate(str(log), 100, 5)
    assert _contents(log) == {"security.log": "new\n"}


def test_no_rotation_possible(log: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A file that cannot be renamed grows on, and that is said in one line."""
    monkeypatch.setattr(errors, "_reported", {})
    (log.parent / "security.log.1").mkdir()
    (log.parent / "security.log.1" / "in the way").touch()
    handler = SecurityFileHandler(log, rotate_bytes=100, rotate_files=1)
    for _ in range(3):
        _handle(handler)
    handler.close()
    assert (log.read_text(), handler.failures) == (f"{LINE}\n" * 3, 0)
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith(f"{log} cannot be rotated: IsADirectoryError")
    assert "\n" not in message


def test_pipe(log: Path) -> None:
    """A pipe is never rotated."""
    os.mkfifo(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    handler = SecurityFileHandler(log, rotate_bytes=1)
    _handle(handler)
    _handle(handler)
    handler.close()
    assert (os.read(reader, 1000).decode(), list(_names(log))) == (f"{LINE}\n" * 2, ["security.log"])
    os.close(reader)


def _names(log: Path) -> list[str]:
    return [path.name for path in log.parent.iterdir()]


def test_windows(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no lock can be had, nothing is rotated."""
    monkeypatch.setattr(rotation_module, "fcntl", None)
    handler = SecurityFileHandler(log, rotate_bytes=100)
    _handle(handler)
    _handle(handler)
    handler.close()
    assert _names(log) == ["security.log"]


_WRITE = """
import logging, sys, threading
from security_logging.handlers import SecurityFileHandler
handler = SecurityFileHandler(sys.argv[1], rotate_bytes=200_000, rotate_files=1000)
def write(thread):
    for number in range(int(sys.argv[3])):
        line = f"{sys.argv[2]}-{thread}-{number} ".ljust(150, "x")
        handler.handle(logging.LogRecord("x", 30, "", 1, line, None, None))
threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(handler.failures)
"""
PROCESSES, LINES = 4, 12_500  # of each of two threads: 100,000 lines in all


def test_several_processes(log: Path) -> None:
    """Four processes with two threads each rotate while they write 100,000 lines: each is there once, and whole."""
    command = [sys.executable, "-c", _WRITE, str(log)]
    writers = [
        subprocess.Popen([*command, str(number), str(LINES)], stderr=subprocess.PIPE) for number in range(PROCESSES)
    ]
    ends = [(writer.communicate(timeout=120)[1], writer.returncode) for writer in writers]
    files = _contents(log)
    lines = Counter(line for text in files.values() for line in text.splitlines() if line)
    wanted = [f"{p}-{t}-{n} ".ljust(150, "x") for p in range(PROCESSES) for t in range(2) for n in range(LINES)]
    assert (ends, len(lines), lines == Counter(wanted)) == ([(b"", 0)] * PROCESSES, len(wanted), True)
    assert len(files) > 20


_FULL = """
import logging, os, pathlib, subprocess, sys
from security_logging.handlers import SecurityFileHandler
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", sys.argv[1]], check=True)
handler = SecurityFileHandler(os.path.join(sys.argv[1], "security.log"), rotate_bytes=3000, rotate_files=9)
for number in range(20):
    handler.handle(logging.LogRecord("x", 30, "", 1, f"{number} ".ljust(1000, "x"), None, None))
handler.close()
print(sum(path.read_text().count("x\\n") for path in pathlib.Path(sys.argv[1]).iterdir()))
"""


def test_full_disk(tmp_path: Path) -> None:
    """On a full disk each line that is not in a file is one line of standard error, and no traceback is there."""
    require_root()
    command = ["unshare", "--mount", sys.executable, "-c", _FULL, str(tmp_path)]
    environment = {**os.environ, "PYTHONDEVMODE": ""}  # which has warnings of its own on standard error
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment)
    notice, *lines = run.stderr.splitlines()
    assert notice.startswith("security_logging: cannot write ")
    assert int(run.stdout) + len(lines) == 20
    assert {len(line) for line in lines} == {1000}
