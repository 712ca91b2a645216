"""Django's own records become events whatever LOGGING the project has, and its handlers see what they always saw."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import security_logging
from security_logging.events.event import SecurityEvent
from security_logging.watchers import django_loggers, refusals

SITE = Path(__file__).parent.parent / "logging_site.py"
EVENTS = [
    "permission_denied", "suspicious_request", "probe", "disallowed_host", "csrf_failed", "suspicious_request"
]  # fmt: skip
KEEPER = {"version": 1, "handlers": {"keeper": {"()": "logging_site.Keeper"}, "null": {"class": "logging.NullHandler"}}}
QUIET = {**KEEPER, "disable_existing_loggers": False}
SHUT = {"handlers": ["null"], "propagate": False}
OPEN = {"handlers": ["keeper"]}

# What projects write into LOGGING.
CONFIGS: dict[str, dict[str, Any]] = {
    "django's default": {},
    "nothing at all, so that Python prints warnings": {"logging_config": None},
    "everything to the root": {"logging": {**QUIET, "root": {**OPEN, "level": "DEBUG"}}},
    "existing loggers disabled": {"logging": {**KEEPER, "root": {**OPEN, "level": "DEBUG"}}},
    "errors only": {"logging": {**QUIET, "loggers": {"django": {**OPEN, "level": "ERROR"}}}},
    "root with errors only": {"logging": {**QUIET, "root": {**OPEN, "level": "ERROR"}, "loggers": {"django": {}}}},
    "request errors only": {"logging": {**QUIET, "loggers": {"django.request": {**OPEN, "level": "ERROR"}}}},
    "request shut": {"logging": {**QUIET, "loggers": {"django.request": SHUT}, "root": OPEN}},
    "security shut": {"logging": {**QUIET, "loggers": {"django.security": SHUT}, "root": OPEN}},
    "security to a handler": {"logging": {**QUIET, "loggers": {"django.security": {**OPEN, "propagate": False}}}},
    "hosts shut": {"logging": {**QUIET, "loggers": {"django.security.DisallowedHost": SHUT}, "root": OPEN}},
    "csrf errors only": {"logging": {**QUIET, "loggers": {"django.security.csrf": {"level": "ERROR"}}, "root": OPEN}},
    "csrf filtered": {
        "logging": {
            **QUIET,
            "filters": {"drop": {"()": "django.utils.log.CallbackFilter", "callback": "ext://logging_site.drop"}},
            "loggers": {"django.security.csrf": {"filters": ["drop"]}},
            "root": OPEN,
        }
    },
    "late suspicion shut": {"logging": {**QUIET, "loggers": {"django.security.LateSuspicion": SHUT}, "root": OPEN}},
    "configured again by the server": {"again": {**QUIET, "root": {**OPEN, "level": "DEBUG"}}},
    "disabled by the server": {"again": {**KEEPER, "root": {**OPEN, "level": "DEBUG"}}},
    "shut by the server": {"again": {**QUIET, "loggers": {"django.security": SHUT, "django.request": SHUT}}},
}
# What is lost: a session that cannot be read is a warning, of a logger that nobody has made before.
NO_WARNINGS = ("errors only",)
every_config = pytest.mark.parametrize("name", CONFIGS)


@cache
def told(name: str, with_us: bool) -> tuple[dict[str, list[str]], str]:
    """Run the site with that LOGGING; return what it tells and what it wrote to standard error."""
    options = json.dumps({**CONFIGS[name], "with_us": with_us})
    package = str(Path(security_logging.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": package, "PYTHONDEVMODE": ""}
    run = subprocess.run(
        [sys.executable, SITE, options], capture_output=True, text=True, timeout=60, check=True, env=environment
    )
    return json.loads(run.stdout.splitlines()[-1]), run.stderr


@every_config
def test_events(name: str) -> None:
    """No LOGGING keeps a record of Django from becoming its event, and none becomes two."""
    assert told(name, with_us=True)[0]["events"] == (EVENTS[:-1] if name in NO_WARNINGS else EVENTS)


@every_config
def test_handlers_of_the_project(name: str) -> None:
    """The project's handlers see the same records with us and without."""
    seen = [record for record in told(name, with_us=True)[0]["seen"] if not record.startswith("security.")]
    assert seen == told(name, with_us=False)[0]["seen"]


@every_config
def test_standard_error(name: str) -> None:
    """What Python and Django print is the same with us and without, but for our events that nobody handles."""
    printed = [line for line in told(name, with_us=True)[1].splitlines() if " ip=- net=- " not in line]
    assert printed == told(name, with_us=False)[1].splitlines()


def test_closed_above_errors() -> None:
    """What is lost: exceptions whose loggers nobody has made before, and which are closed even for errors."""
    CONFIGS["critical only"] = {"logging": {**QUIET, "loggers": {"django": {"level": "CRITICAL"}}}}
    assert told("critical only", with_us=True)[0]["events"] == ["permission_denied", "probe", "csrf_failed"]


def test_connecting_twice() -> None:
    """Connecting again adds neither a filter nor a handler."""
    loggers = [logging.getLogger(name) for name in ("django.request", "django.security", "django.security.csrf")]
    before = [(list(logger.filters), list(logger.handlers)) for logger in loggers]
    django_loggers.connect()
    assert [(list(logger.filters), list(logger.handlers)) for logger in loggers] == before


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """Yield a new logger of a kind of suspicion, and forget it afterwards."""
    name = "django.security.InTheTest"
    yield logging.getLogger(name)
    logging.root.manager.loggerDict.pop(name)


@pytest.fixture
def seen(logger: logging.Logger) -> list[str]:
    """Return the list that the project's own handler adds the messages of that logger to."""
    messages: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]  # a small handler
    logger.addHandler(handler)
    return messages


def test_disabled_logger(logger: logging.Logger, seen: list[str], captured: list[SecurityEvent]) -> None:
    """What a disabled logger is told becomes an event, and the project still does not see it."""
    logger.disabled = True
    django_loggers.connect()
    logger.error("suspicious")
    assert (len(captured), seen) == (1, [])


def test_enabled_again(logger: logging.Logger, seen: list[str], captured: list[SecurityEvent]) -> None:
    """When the project enables it later, it sees everything again."""
    logger.disabled = True
    django_loggers.connect()
    logger.disabled = False
    logger.error("suspicious")
    assert (len(captured), seen) == (1, ["suspicious"])


def test_closed_logger(logger: logging.Logger, seen: list[str], captured: list[SecurityEvent]) -> None:
    """Of a logger that lets only errors through, the project sees errors and we see warnings."""
    logger.setLevel(logging.ERROR)
    django_loggers.connect()
    logger.warning("warning")
    logger.error("error")
    assert (len(captured), seen) == (2, ["error"])


def test_logger_below_a_closed_one(logger: logging.Logger, seen: list[str], captured: list[SecurityEvent]) -> None:
    """The level that counts for the project may be a parent's."""
    parent = logging.getLogger("django.security")
    parent.setLevel(logging.ERROR)
    try:
        django_loggers.connect()
        logger.warning("warning")
        logger.error("error")
    finally:
        parent.setLevel(logging.NOTSET)
    assert (len(captured), seen) == (2, ["error"])


def test_opened_later(logger: logging.Logger, seen: list[str], captured: list[SecurityEvent]) -> None:
    """When the project sets a level later, e.g. with assertLogs, that level holds."""
    logger.setLevel(logging.ERROR)
    django_loggers.connect()
    logger.setLevel(logging.INFO)
    logger.info("info")
    assert (len(captured), seen) == (1, ["info"])


def test_new_logger(logger: logging.Logger, captured: list[SecurityEvent]) -> None:
    """A logger that appears after we began to listen is heard as well, once."""
    logger.error("suspicious")
    assert [event.fields["reason"] for event in captured] == ["InTheTest"]


def test_python_prints_what_nobody_handles(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A warning that no handler of the project takes is printed, as it would be without us."""
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.getLogger("django"), "handlers", [])
    monkeypatch.setattr(logging, "lastResort", logging.StreamHandler(sys.stderr))
    logger.error("suspicious")
    assert "suspicious\n" in capsys.readouterr().err


def test_own_error_in_a_record(logger: logging.Logger, seen: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of ours keeps no record from the project."""

    def fail(*arguments: object, **fields: object) -> None:
        raise ZeroDivisionError

    django_loggers.connect()
    monkeypatch.setattr(refusals, "log_event", fail)
    logger.error("suspicious")
    assert seen == ["suspicious"]
