"""The formatters: one safe line for every record, whoever logged it, and the record stays as it was."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given

from event_strategies import events, texts
from security_logging.events.ecs import parse_json, render_json
from security_logging.events.event import SecurityEvent
from security_logging.events.line import parse, render, render_message
from security_logging.events.type_registry import LINE_LIMIT, get
from security_logging.events.types import LOGIN_FAILED
from security_logging.formatters.security import ConsoleFormatter, ECSFormatter, SecurityLineFormatter, event_of

EVENT = SecurityEvent(
    type=LOGIN_FAILED,
    time=datetime(2026, 8, 1, 12, 0, 0, 123000, tzinfo=timezone.utc),
    pid=412,
    id="4f1c0a2b9d3e4c5f60718293",
    fields={
        "ip": "203.0.113.7",
        "net": "203.0.113.7",
        "surface": "admin",
        "reason": "bad_credentials",
        "user": "al ice",
    },
)
TIME = datetime(2026, 8, 1, 14, 0, 0, 456000, tzinfo=timezone.utc)
FORGED = render(EVENT).replace("203.0.113.7", "198.51.100.1")
FORGED_JSON = render_json(EVENT).replace("203.0.113.7", "198.51.100.1")
SGR = re.compile(r"\x1b\[[0-9;]+m")  # the only thing that we ever tell a terminal

LINE, BARE, JSON = SecurityLineFormatter(), SecurityLineFormatter(bare=True), ECSFormatter()
# All but control characters, line ends, marks that reorder text, and lone surrogates.
VISIBLE = "[^\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
PLAIN, COLOURED = ConsoleFormatter(color=False), ConsoleFormatter(color=True)
FORMATTERS = {"line": LINE, "bare": BARE, "json": JSON, "plain": PLAIN, "coloured": COLOURED}
every_formatter = pytest.mark.parametrize("formatter", FORMATTERS.values(), ids=FORMATTERS)
every_one_line_formatter = pytest.mark.parametrize("formatter", [LINE, BARE, JSON, PLAIN], ids=list(FORMATTERS)[:4])


def _record(message: object = "hello", *arguments: object, **changes: Any) -> logging.LogRecord:
    record = logging.LogRecord("shop.cart", logging.WARNING, __file__, 1, message, arguments, None)
    record.created, record.process = TIME.timestamp(), 412
    vars(record).update(changes)
    return record


def _event_record(event: SecurityEvent = EVENT) -> logging.LogRecord:
    return _record(render_message(event), name="security.auth", levelname="WARNING", security_event=event)


def _caught() -> Any:
    error = RuntimeError("no\nluck \u2028 \x1b[2J")
    return RuntimeError, error, error.__traceback__


class _CannotBeShown:
    def __str__(self) -> str:
        raise RuntimeError("no")


class _Lying(str):
    """A text that shows something else than it holds."""

    __slots__ = ()

    def __str__(self) -> str:
        return self

    def __format__(self, format_spec: str) -> str:
        return f"\n{FORGED}"


FOREIGN: dict[str, Callable[[], logging.LogRecord]] = {
    "plain": _record,
    "arguments": lambda: _record("%s bought %d", "alice", 3),
    "line break": lambda: _record("one\ntwo\r\nthree\u2028four"),
    "our own line": lambda: _record(FORGED),
    "our own line behind a line break": lambda: _record(f"x\n{FORGED}"),
    "our own JSON": lambda: _record(FORGED_JSON),
    "our own JSON behind a line break": lambda: _record(f"x\n{FORGED_JSON}"),
    "control characters": lambda: _record("\x00\x07\x1b[2J\x7f\x9b2J"),
    "lone surrogate": lambda: _record("\ud800"),
    "megabyte": lambda: _record("\u2028" * 10**6),
    "exception": lambda: _record(exc_info=_caught()),
    "formatted exception": lambda: _record(exc_text="Traceback:\nluck"),
    "no exception at all": lambda: _record(exc_info=(None, None, None)),
    "exc_info that is none": lambda: _record(exc_info=True),
    "stack": lambda: _record(stack_info='Stack (most recent call last):\n  File "x"'),
    "too few arguments": lambda: _record("%s %s", "a"),
    "wrong arguments": lambda: _record("%d", "a"),
    "a message that is no text": lambda: _record(["a", 1]),
    "a message that cannot be shown": lambda: _record(_CannotBeShown()),
    "an argument that cannot be shown": lambda: _record("%s", _CannotBeShown()),
    "a lying message": lambda: _record(_Lying("hello")),
    "a hostile logger name": lambda: _record(name=f"x\n{FORGED}"),
    "a hostile level": lambda: _record(levelname=f"x\x1b[2J\n{FORGED}"),
    "no names": lambda: _record(name=None, levelname=None, process=None),
    "an event that is a text": lambda: _record(security_event=FORGED),
    "an event that is a dictionary": lambda: _record(security_event={"type": LOGIN_FAILED, "ip": "198.51.100.1"}),
    "an event that looks like one": lambda: _record(security_event=SimpleNamespace(**vars(EVENT))),
    "an event that is a mock of one": lambda: _record(security_event=Mock(spec=SecurityEvent)),
}
every_foreign_record = pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)


def test_lying_text_lies() -> None:
    """The lying message among the foreign records does what it is there for."""
    assert f"{_Lying('hello')}" == f"\n{FORGED}"


def test_line() -> None:
    """A security event is written as its line."""
    assert LINE.format(_event_record()) == render(EVENT)


def test_bare_line() -> None:
    """For syslog and the journal it is written without time and ident."""
    assert BARE.format(_event_record()) == render_message(EVENT)


def test_line_is_that_of_the_event() -> None:
    """The line is made of the event and not of the message, which filters of the project may have changed."""
    record = _event_record()
    record.msg = f"changed\n{FORGED}"
    assert LINE.format(record) == render(EVENT)


def test_json() -> None:
    """A security event is written as its JSON, with the logger and what the process is called."""
    formatter = ECSFormatter(service="shop", environment="prod", node="web1")
    log = {"level": "warning", "logger": "security.auth"}
    service = {"name": "shop", "environment": "prod", "node": {"name": "web1"}}
    assert formatter.format(_event_record()) == render_json(EVENT, {"log": log, "service": service})


def test_json_without_names() -> None:
    """What the process is called is left out where nobody says it."""
    assert "service" not in json.loads(JSON.format(_event_record()))


def test_json_is_read_back() -> None:
    """What is added to an event does not keep it from being read back."""
    assert parse_json(ECSFormatter(service="shop").format(_event_record())) == EVENT


@every_formatter
@every_foreign_record
def test_foreign_record_is_not_changed(formatter: logging.Formatter, make: Callable[[], logging.LogRecord]) -> None:
    """Formatting leaves a record as it was, for the handlers that come after."""
    record = make()
    before = dict(vars(record))
    formatter.format(record)
    assert vars(record) == before


@every_formatter
def test_event_record_is_not_changed(formatter: logging.Formatter) -> None:
    """The same for the record of an event."""
    record = _event_record()
    before = dict(vars(record))
    formatter.format(record)
    assert vars(record) == before


@every_formatter
def test_formatting_twice(formatter: logging.Formatter) -> None:
    """Two handlers with the same formatter write the same."""
    record = _record(exc_info=_caught())
    assert formatter.format(record) == formatter.format(record)


@pytest.mark.parametrize("formatter", [LINE, BARE], ids=["line", "bare"])
@every_foreign_record
def test_foreign_line(formatter: logging.Formatter, make: Callable[[], logging.LogRecord]) -> None:
    """Any other record becomes one short line of printable ASCII, in which the event word is `log`."""
    line = formatter.format(make())
    assert re.fullmatch(r"(2026-08-01T14:00:00\.456\+00:00 django-security\[\d+\]: )?log level=[ -~]+", line)
    assert len(line) < LINE_LIMIT


@every_foreign_record
def test_foreign_line_is_no_event(make: Callable[[], logging.LogRecord]) -> None:
    """Whatever another record says, its line is no event."""
    with pytest.raises(ValueError, match="not a security line"):
        parse(LINE.format(make()))


@every_foreign_record
def test_foreign_json(make: Callable[[], logging.LogRecord]) -> None:
    """Any other record becomes one line of printable ASCII JSON that begins with its time and its logger."""
    line = JSON.format(make())
    assert re.fullmatch(r'\{"@timestamp":"2026-08-01T14:00:00\.456Z","log":\{"level":[ -~]+\}', line)
    assert json.loads(line).keys() - {"error"} == {"@timestamp", "log", "message", "process", "ecs"}


@every_foreign_record
def test_foreign_json_is_no_event(make: Callable[[], logging.LogRecord]) -> None:
    """Whatever another record says, its JSON is no event."""
    with pytest.raises(ValueError, match="not a security event"):
        parse_json(JSON.format(make()))


@every_foreign_record
def test_foreign_record_on_the_console(make: Callable[[], logging.LogRecord]) -> None:
    """Whatever another record says, the terminal is told nothing but colours, and no line begins with an address."""
    shown = SGR.sub("", COLOURED.format(make()))
    assert re.fullmatch(rf"14:00:00 {VISIBLE}+(\n    \| {VISIBLE}*)*", shown)


@given(texts)
def test_any_foreign_message(text: str) -> None:
    """The same for any message."""
    record = _record(text)
    assert re.fullmatch("[ -~]+", LINE.format(record) + JSON.format(record))
    assert re.fullmatch(f"{VISIBLE}+", PLAIN.format(record))
    assert len(LINE.format(record)) < LINE_LIMIT


def test_longest_foreign_line() -> None:
    """Message, exception and names that are all too long still make a line that stays whole in one write."""
    record = _record("\u2028" * 5000, name="\u2028" * 500, levelname="\u2028" * 500, exc_text="\U0001f4a5" * 5000)
    record.process = 2**22
    assert len(LINE.format(record)) < LINE_LIMIT


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (_record("%s bought %d", "alice", 3), 'log level="WARNING" logger="shop.cart" message="alice bought 3"'),
        (
            _record("%s %s", "a"),
            'log level="WARNING" logger="shop.cart" message="%s %s (with arguments that do not fit)"',
        ),
        (
            _record(_CannotBeShown()),
            (
                'log level="WARNING" logger="shop.cart" message="(_CannotBeShown that cannot be shown) '
                '(with arguments that do not fit)"'
            ),
        ),
        (
            _record(exc_text="Traceback:\n  luck"),
            'log level="WARNING" logger="shop.cart" message="hello" exception="Traceback:\\n  luck"',
        ),
        (
            _record(exc_text="Traceback", stack_info="Stack"),
            'log level="WARNING" logger="shop.cart" message="hello" exception="Stack\\nTraceback"',
        ),
    ],
)
def test_what_a_foreign_line_says(record: logging.LogRecord, line: str) -> None:
    """Level, logger, message, and what was caught, in this order."""
    assert BARE.format(record) == line


def test_end_of_a_long_traceback() -> None:
    """Of a long traceback the end is kept, where the exception is named."""
    record = _record(exc_text="x" * 5000 + "RuntimeError: no luck")
    assert BARE.format(record).endswith('RuntimeError: no luck"')


def test_traceback_in_json() -> None:
    """In JSON the traceback stands where Elasticsearch looks for it."""
    written = json.loads(JSON.format(_record(exc_info=_caught())))
    assert written["error"]["stack_trace"].endswith("RuntimeError: no\nluck \u2028 \x1b[2J")


def test_names_of_a_foreign_record_in_json() -> None:
    """Level and logger are written as Elastic wants them."""
    assert json.loads(JSON.format(_record()))["log"] == {"level": "warning", "logger": "shop.cart"}


@pytest.mark.parametrize("value", [None, "x", {}, Mock(spec=SecurityEvent)])
def test_no_event(value: object) -> None:
    """Only a security event is one."""
    assert event_of(_record(security_event=value)) is None


def test_event_of() -> None:
    """The event of a record is the one that was logged."""
    assert event_of(_event_record()) is EVENT


def test_event_on_the_console() -> None:
    """A human sees time, event, address, surface, reason and then the rest."""
    assert PLAIN.format(_event_record()) == "12:00:00 login_failed   203.0.113.7     admin bad_credentials user=al ice"


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        (
            "login_failed",
            {
                "ip": "203.0.113.7",
                "net": "203.0.113.7",
                "surface": "admin",
                "reason": "csrf",
                "user": "al",
                "status": 403,
            },
            "12:00:00 login_failed   203.0.113.7     admin csrf user=al status=403",
        ),
        ("logout", {"ip": "192.0.2.1", "agent": "curl", "request_id": "4f"}, "12:00:00 logout         192.0.2.1      "),
        ("banned", {"surface": "site", "jail": "x"}, "12:00:00 banned         -               site jail=x"),
        ("probe", {"reason": "bait", "path": "/.env"}, "12:00:00 probe          -               bait path=/.env"),
        ("untrusted_forwarding", {"ip": "2001:db8::7"}, "12:00:00 untrusted_forwarding 2001:db8::7    "),
        ("mfa_failed", {"ip": "2001:db8:1:2:3:4:5:6"}, "12:00:00 mfa_failed     2001:db8:1:2:3:4:5:6"),
    ],
)
def test_columns(name: str, fields: dict[str, object], expected: str) -> None:
    """The columns are time, event in 14 characters, address in 15, surface and reason if known, then other fields."""
    event = SecurityEvent(get(name), EVENT.time, EVENT.pid, EVENT.id, fields)
    assert PLAIN.format(_event_record(event)) == expected


def test_coloured_event() -> None:
    """The event is coloured by its level, the address is bold, what is less important is dim."""
    assert COLOURED.format(_event_record()) == (
        "\x1b[2m12:00:00\x1b[0m \x1b[33mlogin_failed  \x1b[0m \x1b[1m203.0.113.7    \x1b[0m "
        "admin bad_credentials \x1b[2muser=\x1b[0mal ice"
    )


def test_foreign_record_on_the_console_in_full() -> None:
    """Another record is shown with its level, its logger, and its traceback line by line behind a bar."""
    assert PLAIN.format(_record("hi", exc_text="Traceback:\n  luck")) == (
        "14:00:00 WARNING  shop.cart: hi\n    | Traceback:\n    |   luck"
    )


def test_languages_on_the_console() -> None:
    """Another logger's message is read in its own language; what could steer the terminal or reorder it is not."""
    shown = PLAIN.format(_record("f\u00fcr Zo\u00eb\x1b[2J\u202e", exc_text="ValueError: \u00fc"))
    assert shown == "14:00:00 WARNING  shop.cart: f\u00fcr Zo\u00eb\\x1b[2J\\u202e\n    | ValueError: \u00fc"


@given(events)
def test_any_event_on_the_console(event: SecurityEvent) -> None:
    """Whatever is in an event, the terminal shows one line of it and is told nothing but colours."""
    assert re.fullmatch("[ -~]+", SGR.sub("", COLOURED.format(_event_record(event))))


class _Terminal:
    def isatty(self) -> bool:
        return True


class _Closed:
    def isatty(self) -> bool:
        raise ValueError("I/O operation on closed file")


class _Pipe:
    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("stderr", "environment", "coloured"),
    [
        (_Terminal(), {}, True),
        (_Pipe(), {}, False),
        (_Closed(), {}, False),
        (None, {}, False),
        (_Terminal(), {"NO_COLOR": "1"}, False),
        (_Terminal(), {"NO_COLOR": ""}, True),
        (_Pipe(), {"FORCE_COLOR": "1"}, True),
        (_Pipe(), {"FORCE_COLOR": ""}, False),
        (None, {"FORCE_COLOR": "1"}, True),
        (_Terminal(), {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_when_colour_is_used(
    monkeypatch: pytest.MonkeyPatch, stderr: object, environment: dict[str, str], coloured: bool
) -> None:
    """Colour is for terminals; https://no-color.org and FORCE_COLOR decide otherwise, the former over the latter."""
    monkeypatch.setattr(sys, "stderr", stderr)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b" in ConsoleFormatter().format(_event_record())) is coloured


@pytest.mark.parametrize("color", [True, False])
def test_colour_is_decided_by_the_argument(monkeypatch: pytest.MonkeyPatch, color: bool) -> None:
    """What the project says wins over the environment."""
    monkeypatch.setenv("NO_COLOR" if color else "FORCE_COLOR", "1")
    assert ("\x1b" in ConsoleFormatter(color=color).format(_event_record())) is color


_SHOW = """
import logging
from security_logging.formatters import ConsoleFormatter
handler = logging.StreamHandler()
handler.setFormatter(ConsoleFormatter())
logging.getLogger().addHandler(handler)
logging.warning("hello \\x1b]0;title\\x07 \\x1b[2J \\x9b2J \\r gone")
"""


def test_terminal() -> None:
    """A real terminal is given colours, and nothing that a message holds steers it."""
    master, terminal = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    subprocess.run([sys.executable, "-c", _SHOW], stderr=terminal, env=environment, check=True, timeout=60)
    os.close(terminal)
    shown = os.read(master, 4096).decode()
    os.close(master)
    assert SGR.findall(shown) == ["\x1b[2m", "\x1b[0m", "\x1b[33m", "\x1b[0m"]
    assert SGR.sub("", shown)[8:] == " WARNING  root: hello \\x1b]0;title\\x07 \\x1b[2J \\x9b2J \\r gone\r\n"
