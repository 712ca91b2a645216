"""Each handler gets the record on its own: neither a handler that raises nor one that hangs costs another the line."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from security_logging import log_event
from security_logging.formatters.security import SecurityLineFormatter
from security_logging.handlers import SecurityFileHandler
from security_logging.internal import errors
from security_logging.internal.delivery import deliver
from stalled_pipe import stalled_pipe


class Raising(logging.Handler):
    """A handler of the project that does not catch its own errors."""

    def emit(self, record: logging.LogRecord) -> None:
        """Fail."""
        raise RuntimeError("broken")


class Keeper(logging.Handler):
    """A handler that keeps the messages."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        self.messages.append(record.getMessage())


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """Yield a logger with nothing above it; a test sets its handlers, since pytest may add some before it."""
    made = logging.getLogger("delivery_test")
    made.propagate = False
    yield made
    made.handlers.clear()
    made.filters.clear()
    made.propagate = True


def _record(message: str = "hello", level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("delivery_test", level, "", 1, message, None, None)


def _ignore(handler: logging.Handler) -> None:
    pass


def test_handler_that_raises(logger: logging.Logger) -> None:
    """The handlers behind one that raises get the record, and the error is told."""
    raising, keeper, failed = Raising(), Keeper(), list[logging.Handler]()
    logger.handlers = [raising, keeper]
    deliver(logger, _record(), failed.append)
    assert (keeper.messages, failed) == (["hello"], [raising])


def test_handlers_above(logger: logging.Logger) -> None:
    """Those of the loggers above get it too, unless a logger propagates nothing."""
    keeper = Keeper()
    logger.handlers = [keeper]
    child = logging.getLogger("delivery_test.child")
    child.handlers = [Raising()]
    deliver(child, _record("one"), _ignore)
    child.propagate = False
    deliver(child, _record("two"), _ignore)
    child.handlers, child.propagate = [], True
    assert keeper.messages == ["one"]


def test_level(logger: logging.Logger) -> None:
    """A handler gets nothing below its level."""
    keeper = Keeper()
    keeper.setLevel(logging.ERROR)
    logger.handlers = [keeper]
    deliver(logger, _record("one"), _ignore)
    deliver(logger, _record("two", logging.ERROR), _ignore)
    assert keeper.messages == ["two"]


def test_filter(logger: logging.Logger) -> None:
    """The logger's filters drop a record, and may replace it from Python 3.12 on."""
    keeper = Keeper()
    logger.handlers = [keeper]
    logger.addFilter(lambda record: record.getMessage() != "drop")
    if sys.version_info >= (3, 12):
        logger.addFilter(lambda record: _record(record.getMessage().upper()))
    deliver(logger, _record("drop"), _ignore)
    deliver(logger, _record("KEEP"), _ignore)
    assert keeper.messages == ["KEEP"]


def test_replaced_method(logger: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    """What replaces the method of every logger to see each record, as Sentry does, still sees ours."""
    seen: list[str] = []
    really = logging.Logger.callHandlers

    def call(self: logging.Logger, record: logging.LogRecord) -> None:
        seen.append(self.name)
        really(self, record)

    monkeypatch.setattr(logging.Logger, "callHandlers", call)
    logger.handlers = [Keeper()]
    deliver(logger, _record(), _ignore)
    assert seen == ["delivery_test"]


def test_without_handler(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no handler at all, warnings go to standard error, as Python has it."""
    logger.handlers = []
    deliver(logger, _record("one"), _ignore)
    deliver(logger, _record("two", logging.INFO), _ignore)
    assert capsys.readouterr().err == "one\n"


def test_without_handler_and_reader(logger: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is standard error waited for there."""
    logger.handlers = []
    with stalled_pipe() as pipe:
        monkeypatch.setattr(sys, "stderr", pipe.stream)
        pipe.fill()
        deliver(logger, _record("one"), _ignore)
        pipe.read()
        deliver(logger, _record("two"), _ignore)
        assert pipe.read().endswith("\ntwo\n")


def test_other_last_resort(logger: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A last resort of the project's own is used."""
    logger.handlers = []
    stream = io.StringIO()
    monkeypatch.setattr(logging, "lastResort", logging.StreamHandler(stream))
    deliver(logger, _record(), _ignore)
    assert stream.getvalue() == "hello\n"


def test_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event is in the file, returned and reported, when a handler of the project before ours raises."""
    monkeypatch.setattr(errors, "_reported", {})
    ours = SecurityFileHandler(tmp_path / "security.log")
    ours.setFormatter(SecurityLineFormatter())
    told = Keeper()
    logging.getLogger("security").handlers[:] = [Raising(), ours]
    errors.internal.handlers[:] = [Raising(), told]  # put back by a fixture of all tests
    event = log_event("login_failed", ip="203.0.113.7", user="alice")
    ours.close()
    assert event is not None
    assert ' user="alice"' in (tmp_path / "security.log").read_text()
    assert [message.partition(",")[0] for message in told.messages] == ["handler Raising failed"]
