"""The journal: the native protocol, read strictly."""

from __future__ import annotations

import socket
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from log_records import EVENT, event_record, failed, record
from native_journal import parse
from security_logging.events.line import render_message
from security_logging.formatters.text import MARGIN
from security_logging.handlers.journald import JournaldHandler


def test_event() -> None:
    """An event has its line as MESSAGE and each of its fields on its own."""
    found = parse(JournaldHandler().encode(event_record(env="prod")))
    assert {name: value for name, value in found.items() if not name.startswith("CODE_")} == {
        "MESSAGE": render_message(EVENT),
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "django-security",
        "SYSLOG_PID": "412",
        "SYSLOG_FACILITY": "10",
        "DJANGO_LOGGER": "security.auth",
        "DJANGO_ENV": "prod",
        "DJANGO_EVENT_ACTION": "login_failed",
        "DJANGO_EVENT_CLASS": "auth",
        "DJANGO_EVENT_ID": EVENT.id,
        "DJANGO_IP": "203.0.113.7",
        "DJANGO_NET": "203.0.113.7",
        "DJANGO_SURFACE": "admin",
        "DJANGO_REASON": "bad_credentials",
        "DJANGO_USER": 'a"]\\n',
    }


def test_place_in_the_code() -> None:
    """Where a record was made is in the fields that journalctl knows."""
    found = parse(JournaldHandler().encode(record()))
    assert (found["CODE_FILE"], found["CODE_LINE"], found["CODE_FUNC"]) == ("/srv/shop/views.py", "7", "checkout")


def test_foreign_record() -> None:
    """A record that is no security event keeps its traceback, and no filter looks at it."""
    found = parse(JournaldHandler().encode(record(exc_info=failed("luck"))))
    assert (found["SYSLOG_IDENTIFIER"], found["MESSAGE"].split("\n")[-1]) == ("django", f"{MARGIN}ValueError: luck")


@given(st.text(max_size=300))
def test_any_record(text: str) -> None:
    """Whatever a record carries, it cannot add a field of its own."""
    made = record(text.replace("%", ""), name=text, tenant=text, funcName=text, exc_info=failed(f"\n_PID=1\n{text}"))
    assert "_PID" not in parse(JournaldHandler().encode(made))


def test_long_message() -> None:
    """A message of a megabyte is cut: the kernel would not take the datagram."""
    assert len(JournaldHandler().encode(record("x" * 10**6))) < 64 * 1024


def test_socket(tmp_path: Path) -> None:
    """A record arrives as one datagram."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "socket"))
        receiver.settimeout(5)
        handler = JournaldHandler(str(tmp_path / "socket"))
        handler.emit(record("hello"))
        handler.close()
        assert parse(receiver.recv(65536))["MESSAGE"] == "hello"
