"""A formatter that fails: each record is written in another form, and one line a minute says so."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from security_logging.formatters import TextFormatter
from security_logging.handlers import StreamHandler
from security_logging.internal import errors


@pytest.fixture
def stream() -> io.StringIO:
    """Return what the handler writes to."""
    return io.StringIO()


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> Iterator[list[str]]:
    """Yield our own reports, each told as if it were the first one."""
    told: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(self.format(record))

    monkeypatch.setattr(errors, "_reported", {})
    keeper = Keeper()
    errors.internal.addHandler(keeper)
    yield told
    errors.internal.removeHandler(keeper)


class SecretError(Exception):
    """An error whose text holds what a client sent."""


class Raising(logging.Formatter):
    """A formatter with a bug."""

    def format(self, record: logging.LogRecord) -> str:
        """Fail."""
        raise SecretError("hunter2")


def _log(stream: io.StringIO, formatter: logging.Formatter, count: int) -> list[str]:
    handler = StreamHandler(stream)
    handler.setFormatter(formatter)
    for _ in range(count):
        handler.handle(logging.LogRecord("shop", logging.WARNING, "", 1, "hello", None, None))
    return [line.partition("]: ")[2] for line in stream.getvalue().splitlines()]


def test_wrong_template(stream: io.StringIO, reports: list[str]) -> None:
    """A format that names what no record has costs no record, and one line names it, not one for each record."""
    lines = _log(stream, TextFormatter("{message} {nope}", "{"), 50)
    assert lines == ['log level="WARNING" logger="shop" message="hello"'] * 50
    (report,) = reports
    assert "StreamHandler raises ValueError: Formatting field not found in record: 'nope';" in report
    assert "\n" not in report


def test_text_of_an_error(stream: io.StringIO, reports: list[str]) -> None:
    """The text of another error is not told, since it may hold what a client sent."""
    _log(stream, Raising(), 1)
    (report,) = reports
    assert ("hunter2" in report, "StreamHandler raises SecretError;" in report) == (False, True)


class Late(str):
    """A name of a logger that cannot be shown."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no")


def test_record_that_fits_no_form(stream: io.StringIO, reports: list[str]) -> None:
    """Of a record that our own form cannot show either, the message is written."""
    handler = StreamHandler(stream)
    handler.setFormatter(Raising())
    record = logging.LogRecord("shop", logging.WARNING, "", 1, "hello\n", None, None)
    record.levelname = Late("WARNING")
    handler.handle(record)
    assert stream.getvalue() == "hello\\n\n"
