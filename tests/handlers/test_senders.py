"""What cannot be sent is not lost without a word, and nothing is raised."""

from __future__ import annotations

import logging
import sys
import threading

import pytest

from log_records import record
from security_logging.handlers.senders import SenderHandler


class Broken:
    """A way that leads nowhere."""

    waiting = 0

    def send(self, message: bytes) -> None:
        raise OSError("no way")

    def flush(self) -> None: ...

    def close(self) -> None: ...


class Plain(SenderHandler):
    """A handler without a format of its own."""

    def encode(self, record: logging.LogRecord) -> bytes:
        return self.format(record).encode()


class BrokenFormatter(logging.Formatter):
    """A formatter with a bug."""

    def format(self, record: logging.LogRecord) -> str:
        raise RuntimeError


def test_notice_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The reason is told once a minute, each line once."""
    handler = Plain("somewhere", Broken())
    handler.emit(record("a"))
    handler.emit(record("b"))
    notice = "security_logging: cannot send to somewhere: OSError('no way'); lines follow here\n"
    assert (capsys.readouterr().err, handler.failures) == (f"{notice}a\nb\n", 2)


def test_broken_formatter(capsys: pytest.CaptureFixture[str]) -> None:
    """Even a formatter with a bug costs the format, not the message."""
    handler = Plain("somewhere", Broken())
    handler.setFormatter(BrokenFormatter())
    handler.emit(record("a\nb"))
    assert capsys.readouterr().err.endswith("\na\\nb\n")


def test_no_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without standard error there is no place left; still nothing is raised."""
    monkeypatch.setattr(sys, "stderr", None)
    handler = Plain("somewhere", Broken())
    handler.emit(record())
    assert handler.failures == 1


class MadeRecordsOf:
    """Standard error as Celery has it: each line that is written to it becomes a record."""

    def __init__(self, *handlers: logging.Handler) -> None:
        self.handlers = handlers
        self.texts: list[str] = []

    def write(self, text: str) -> None:
        self.texts.append(text)
        for handler in self.handlers if len(self.texts) < 10 else ():
            handler.handle(record(text))

    def flush(self) -> None: ...


def test_standard_error_that_leads_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where standard error leads back to handlers that cannot send, they do not run in circles."""
    first, second = Plain("first", Broken()), Plain("second", Broken())
    stderr = MadeRecordsOf(first, second)
    monkeypatch.setattr(sys, "stderr", stderr)
    first.emit(record("a"))
    assert [text.splitlines()[1:] for text in stderr.texts] == [["a"]]
    assert (first.failures, second.failures) == (2, 1)


def test_base() -> None:
    """How a record is written is for each handler to say."""
    with pytest.raises(NotImplementedError):
        SenderHandler("somewhere", Broken()).encode(record())


def test_close_without_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can be started, configuring logging anew closes the way to the server, and does not fail."""

    class Closing(Broken):
        is_closed = False

        def close(self) -> None:
            self.is_closed = True

    def no_more_threads(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    sender = Closing()
    handler = Plain("a server", sender)
    monkeypatch.setattr(threading.Thread, "start", no_more_threads)
    with logging._lock:  # type: ignore[attr-defined]  # as dictConfig does
        handler.close()
    assert sender.is_closed
