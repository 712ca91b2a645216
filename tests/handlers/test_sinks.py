"""Sinks: the handlers that security events reach, as logging is configured now."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from security_logging.formatters.security import ConsoleFormatter, ECSFormatter, SecurityLineFormatter
from security_logging.handlers import sinks
from security_logging.handlers.file import SecurityFileHandler
from security_logging.handlers.sinks import Sink


@pytest.fixture(autouse=True)
def _own_logger() -> Iterator[None]:
    """Let the events go to a logger of the test's own."""
    logger = logging.getLogger("sinks_test")
    with override_settings(SECURITY_LOGGING_LOGGER_NAME="sinks_test"):
        yield
    logger.handlers.clear()


def found() -> list[Sink]:
    """Return the sinks but those that pytest adds."""
    return [sink for sink in sinks.sinks() if not type(sink.handler).__module__.startswith("_pytest")]


def add(
    handler: logging.Handler, formatter: logging.Formatter | None, name: str = "", child: str = ""
) -> logging.Handler:
    """Let the logger, or its child, write to the handler."""
    handler.setFormatter(formatter)
    handler.set_name(name)
    logging.getLogger(f"sinks_test{child}").addHandler(handler)
    return handler


@pytest.mark.parametrize(
    ("formatter", "expected"),
    [
        (SecurityLineFormatter(), "line"),
        (ECSFormatter(), "json"),
        (ConsoleFormatter(), "console"),
        (logging.Formatter(), "other"),
        (None, "other"),
    ],
)
def test_format(formatter: logging.Formatter | None, expected: str) -> None:
    """The format is that of the handler's formatter."""
    add(logging.StreamHandler(), formatter)
    assert [sink.format for sink in found()] == [expected]


def test_names() -> None:
    """A sink is called as in LOGGING, or like its class."""
    add(logging.StreamHandler(), None, "console")
    add(logging.StreamHandler(), None)
    assert [sink.name for sink in found()] == ["console", "StreamHandler"]


def test_classes() -> None:
    """A handler of one class's logger is reached by that class alone."""
    add(logging.StreamHandler(), None, "all")
    only = add(logging.StreamHandler(), None, "only", ".auth")
    classes = {sink.name: sink.classes for sink in found()}
    logging.getLogger("sinks_test.auth").removeHandler(only)
    assert classes == {"only": ("auth",), "all": ("auth", "account", "probe", "response", "system")}


def test_readable_files(tmp_path: Path) -> None:
    """Files in text come before those in JSON; what cannot be read back is left out."""
    add(SecurityFileHandler(tmp_path / "security.json"), ECSFormatter())
    add(SecurityFileHandler(tmp_path / "security.log"), SecurityLineFormatter())
    add(SecurityFileHandler(tmp_path / "other.log"), None)
    add(logging.StreamHandler(), ECSFormatter())
    assert list(sinks.readable_files()) == [tmp_path / "security.log", tmp_path / "security.json"]
