"""The stream handler: standard error or output, in colour or not, and never waited for."""

from __future__ import annotations

import io
import logging
import logging.config
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import pytest

from security_logging.formatters.security import ConsoleFormatter
from security_logging.handlers import StreamHandler
from stalled_pipe import stalled_pipe


def _handle(handler: logging.Handler, message: object = "hello") -> None:
    handler.handle(logging.LogRecord("shop", logging.WARNING, "", 1, message, None, None))


def test_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a stream a record goes to what standard error is at that time, not to what it was before."""
    handler = StreamHandler()
    replaced = io.StringIO()
    with redirect_stderr(replaced):
        _handle(handler, "one")
    _handle(handler, "two")
    assert (replaced.getvalue(), capsys.readouterr().err) == ("one\n", "two\n")


def test_another_stream(capsys: pytest.CaptureFixture[str]) -> None:
    """LOGGING names standard output in the way of Python's own handler."""
    described = {"class": "security_logging.handlers.StreamHandler", "stream": "ext://sys.stdout"}
    logger = {"handlers": ["out"], "propagate": False}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "incremental": False,
            "handlers": {"out": described},
            "loggers": {"stream_test": logger},
        }
    )
    logging.getLogger("stream_test").warning("hello")
    assert capsys.readouterr() == ("hello\n", "")


def test_order_with_prints() -> None:
    """What Python has written to standard error before stands before our line."""
    script = """
import sys
from security_logging.handlers import StreamHandler
import logging
print("before", file=sys.stderr)
StreamHandler().handle(logging.LogRecord("x", 30, "", 1, "hello", None, None))
print("after", file=sys.stderr)
"""
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    assert run.stderr == "before\nhello\nafter\n"


def test_filter() -> None:
    """A filter drops a record as with any handler."""
    stream = io.StringIO()
    handler = StreamHandler(stream)
    handler.addFilter(lambda record: record.getMessage() == "keep")
    assert [handler.handle(logging.makeLogRecord({"msg": text})) for text in ("keep", "drop")] == [True, False]
    assert stream.getvalue() == "keep\n"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="filters replace records from Python 3.12 on")
def test_filter_that_replaces_the_record() -> None:
    """A filter may put another record in the place of the first."""
    stream = io.StringIO()
    handler = StreamHandler(stream)
    handler.addFilter(lambda record: logging.makeLogRecord({"msg": "other"}))
    _handle(handler)
    assert stream.getvalue() == "other\n"


def test_full_pipe() -> None:
    """What finds no room is counted by the handler, and the stream says so when it is read again."""
    with stalled_pipe() as pipe:
        handler = StreamHandler(pipe.stream)
        pipe.fill()
        _handle(handler, "one")
        pipe.read()
        _handle(handler, "two")
        notice = "security_logging: 1 earlier lines found no room here and are lost"
        assert (handler.failures, pipe.read().splitlines()) == (1, [notice, "two"])


@pytest.mark.parametrize("stderr", [None, "closed"])
def test_no_standard_error(monkeypatch: pytest.MonkeyPatch, stderr: object) -> None:
    """Where standard error is missing or closed, the record is counted and nothing is raised."""
    closed = io.TextIOWrapper(io.BytesIO())
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed if stderr else None)
    handler = StreamHandler()
    _handle(handler)
    assert handler.failures == 1


def test_stuck_thread() -> None:
    """A thread that hangs in a stream that is not ours to ask keeps no other thread from writing its record."""
    inside, end, written = threading.Event(), threading.Event(), []

    class Stuck:
        def write(self, text: str) -> None:
            if text == "one\n":
                inside.set()
                end.wait(60)
            written.append(text)

        def flush(self) -> None: ...

    handler = StreamHandler(Stuck())
    first = threading.Thread(target=_handle, args=(handler, "one"))
    first.start()
    assert inside.wait(60)
    _handle(handler, "two")
    end.set()
    first.join()
    assert written == ["two\n", "one\n"]


@contextmanager
def terminal() -> Iterator[int]:
    """Let standard error be a terminal; yield what shows what is written to it."""
    main, writer = pty.openpty()
    with os.fdopen(writer, "w", encoding="utf-8") as stream, redirect_stderr(stream):
        yield main
    os.close(main)


def test_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets colours."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    handler = StreamHandler()
    handler.setFormatter(ConsoleFormatter())
    with terminal() as shown:
        _handle(handler)
        assert "\x1b[33mWARNING" in os.read(shown, 1000).decode()


_SPEED = """
import logging, sys, time
from security_logging.handlers import StreamHandler
handler = StreamHandler()
longest = 0
for number in range(2000):
    began = time.monotonic()
    handler.handle(logging.LogRecord("x", 30, "", 1, "x" * 100, None, None))
    longest = max(longest, time.monotonic() - began)
print(handler.failures > 1900, longest)
"""


def test_nobody_reads() -> None:
    """A process that logs to a pipe that nobody reads goes on, and no record takes longer than a moment."""
    with stalled_pipe(4096) as pipe:
        began = time.monotonic()
        run = subprocess.run(
            [sys.executable, "-c", _SPEED],
            stdout=subprocess.PIPE,
            stderr=pipe.stream,
            text=True,
            timeout=60,
            check=True,
        )
        lost, longest = run.stdout.split()
        assert (lost, float(longest) < 1, time.monotonic() - began < 30) == ("True", True, True)
