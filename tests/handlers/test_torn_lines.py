"""A disk that was full: the line of another process is torn, and the next line of any process is whole."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from requires import require_root
from security_logging.handlers import SecurityFileHandler

ROUNDS = 10


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return the path of a log that does not exist yet."""
    return tmp_path / "security.log"


def _handle(handler: logging.Handler, message: str) -> None:
    handler.handle(logging.LogRecord("x", logging.WARNING, "", 1, message, None, None))


@pytest.mark.parametrize("is_known", [True, False], ids=["an open file", "a file that is opened"])
def test_line_torn_by_another(log: Path, is_known: bool) -> None:
    """After the torn line of another program, a line begins anew."""
    handler = SecurityFileHandler(log)
    if is_known:
        _handle(handler, "one")
    with log.open("a") as other:
        other.write("2026-08-01T12:00:00.1")
    _handle(handler, "two")
    _handle(handler, "three")
    handler.close()
    assert log.read_text() == "one\n" * is_known + "2026-08-01T12:00:00.1\ntwo\nthree\n"


def test_whole_line_of_another(log: Path) -> None:
    """After a whole line of another program there is no empty one."""
    handler = SecurityFileHandler(log)
    _handle(handler, "one")
    with log.open("a") as other:
        other.write("other\n")
    _handle(handler, "two")
    handler.close()
    assert log.read_text() == "one\nother\ntwo\n"


def test_truncated(log: Path) -> None:
    """A log that is emptied by copytruncate goes on at its beginning."""
    handler = SecurityFileHandler(log)
    _handle(handler, "one")
    os.truncate(log, 0)
    _handle(handler, "two")
    handler.close()
    assert log.read_text() == "two\n"


_PROCESS = """
import logging, os, sys
from security_logging.handlers import SecurityFileHandler
handler = SecurityFileHandler(sys.argv[1])
for line in sys.stdin:
    handler.handle(logging.LogRecord("x", 30, "", 1, line.rstrip("\\n"), None, None))
    print("done", flush=True)
"""
_FULL_DISK = """
import os, subprocess, sys
directory, script, rounds = sys.argv[1:]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", directory], check=True)
log, ballast = os.path.join(directory, "security.log"), os.path.join(directory, "ballast")

def process():
    command = [sys.executable, "-c", script, log]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

def write(writer, line):
    print(line, file=writer.stdin, flush=True)
    assert writer.stdout.readline() == "done\\n"

def last_line():
    with open(log) as file:
        return file.read().splitlines()[-1]

first, second = process(), process()
kept = torn = 0
for number in range(int(rounds)):
    write(first, f"start {number}")
    write(second, f"start {number}")
    with open(log, "a") as file:  # the page of the log has room for 40 bytes more
        file.write("x" * (4096 - file.tell() - 41) + "\\n")
    with open(ballast, "wb", buffering=0) as file:
        file.write(b"x" * 4096)
    write(first, f"first {number} ".ljust(100, "y"))
    torn += 0 < len(last_line()) < 100
    os.unlink(ballast)
    write(second, f"second {number}")
    kept += last_line() == f"second {number}"
    os.truncate(log, 0)
print(kept, torn)
for writer in (first, second):
    writer.stdin.close()
    writer.stdout.close()
    writer.wait(60)
"""


def test_full_disk(tmp_path: Path) -> None:
    """Two processes, one tears its line, space returns, the other one writes: its line is whole in every round."""
    require_root()
    command = ["unshare", "--mount", sys.executable, "-c", _FULL_DISK, str(tmp_path), _PROCESS, str(ROUNDS)]
    environment = {**os.environ, "PYTHONDEVMODE": ""}  # which has warnings of its own on standard error
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment)
    assert run.stdout == f"{ROUNDS} {ROUNDS}\n"
    assert [line[:8] for line in run.stderr.splitlines()[1:]] == [f"first {number} " for number in range(ROUNDS)]


_TEAR = """
import logging, os, sys
from security_logging.handlers import SecurityFileHandler
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
handler = SecurityFileHandler(sys.argv[1])
def write(message):
    handler.handle(logging.LogRecord("x", 30, "", 1, message, None, None))
write("one")
really = os.write
os.write = lambda descriptor, data: really(descriptor, data[:2])
write("torn")
os.write = really
write("two")
"""


def test_file_that_may_not_be_read() -> None:
    """Where a file may be written but not read, a process ends at least what it has torn itself."""
    require_root()
    with tempfile.TemporaryDirectory() as directory:  # those of pytest are for root alone
        log = Path(directory) / "security.log"
        log.touch()
        log.chmod(0o222)
        log.parent.chmod(0o755)
        subprocess.run([sys.executable, "-c", _TEAR, str(log)], check=True, capture_output=True, timeout=60)
        assert log.read_text() == "one\nto\ntwo\n"
