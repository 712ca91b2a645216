"""The text formats: what each looks like, and that nothing inside a value can pass for the log's own words."""

from __future__ import annotations

import json
import logging
import logging.config
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from log_records import EVENT, event_record, failed, record
from security_logging.formatters.text import MARGIN, TEXT_FORMATS, PipeFormatter, TextFormatter

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "log_messages.json").read_text("utf-8"))
TIME = "2026-08-01T12:00:00.123+00:00"


def formatter(name: str) -> logging.Formatter:
    """Return the formatter that LOGGING would make of the format."""
    config: dict[str, Any] = {"version": 1, "formatters": {"x": TEXT_FORMATS[name]}}
    made = logging.config.DictConfigurator(config).configure_formatter(dict(TEXT_FORMATS[name]))
    assert isinstance(made, logging.Formatter)
    return made


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("verbose", f"WARNING {TIME} shop.views 412 1 hello"),
        ("simple", "WARNING hello"),
        ("located", f"{TIME} [WARNING ] hello [/srv/shop/views.py:7]"),
        ("pipe", f"WARNING|shop.views|{TIME}|hello"),
        ("line", f'{TIME} django-security[412]: log level="WARNING" logger="shop.views" message="hello"'),
    ],
)
def test_format(name: str, expected: str) -> None:
    """Each format by name writes the record like this."""
    assert formatter(name).format(record()) == expected


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["desc"])
def test_hostile_message(vector: dict[str, str]) -> None:
    """What could end a line or steer a terminal is written out; the rest stays as it is."""
    assert formatter("simple").format(record(vector["text"])) == f"WARNING {vector['written']}"


@pytest.mark.parametrize("name", TEXT_FORMATS)
@given(text=st.text(max_size=200))
def test_any_message_is_one_line(name: str, text: str) -> None:
    """Whatever the message, the logger's name and a value of the context hold, they stay on one printable line."""
    line = formatter(name).format(record(text, name=text, tenant=text))
    assert (line.splitlines(), "\x1b" in line) == ([line], False)


def test_hostile_attribute() -> None:
    """A custom format may name any attribute; what stands in it is escaped like the message."""
    assert TextFormatter("%(tenant)s: %(message)s").format(record(tenant="a\nb")) == "a\\nb: hello"


def test_unknown_attribute_of_the_context() -> None:
    """A format may name what ContextFilter knows where no filter has run: it is a dash then."""
    assert TextFormatter("{tenant} {message}", "{").format(record()) == "- hello"


def test_traceback_cannot_forge_a_line() -> None:
    """Each line of a traceback stands behind a margin, also those of the exception's own message."""
    text = formatter("verbose").format(record(exc_info=failed(f"x\nWARNING {TIME} shop.views 412 1 forged\x1b[2J")))
    first, *rest = text.split("\n")
    unmarked = [line for line in rest if not line.startswith(MARGIN)]
    assert (first, unmarked) == (f"WARNING {TIME} shop.views 412 1 hello", [])


def test_traceback_stays_readable() -> None:
    """A traceback keeps its lines and their indentation."""
    text = formatter("verbose").format(record(exc_info=failed("out of stock")))
    assert f"\n{MARGIN}    raise ValueError(message)" in text


def test_escapes_in_a_traceback() -> None:
    """Terminal escapes in an exception's message are written out."""
    assert "ValueError: \\x1b[2J" in formatter("simple").format(record(exc_info=failed("\x1b[2J")))


@given(st.text(max_size=100), st.text(max_size=100))
def test_pipe_columns(name: str, message: str) -> None:
    """Who splits at each bar without a backslash before it always finds four columns."""
    line = PipeFormatter().format(record(message.replace("%", ""), name=name))
    assert re.sub(r"\\.", "", line).count("|") == 3


def test_pipe_separator_in_a_message() -> None:
    """A separator inside a value is written with a backslash, and so is a backslash."""
    line = PipeFormatter().format(record("a|b\\", name="x|y"))
    assert line == f"WARNING|x\\|y|{TIME}|a\\|b\\\\"


def test_pipe_traceback() -> None:
    """In the pipe format a record with a traceback is one line too."""
    line = PipeFormatter().format(record(exc_info=failed("a|b")))
    assert (line.count("\n"), line.endswith("\\nValueError: a\\|b")) == (0, True)


def test_context_is_shown() -> None:
    """The verbose format shows the request and the task that a record belongs to."""
    line = formatter("verbose").format(record(request_id="r1", task="shop.mail", task_id="t1", memory_mb=52))
    assert line == f"WARNING {TIME} shop.views 412 1 [request_id=r1 task=shop.mail task_id=t1 memory_mb=52] hello"


def test_record_is_not_changed() -> None:
    """The record is the same afterwards: other handlers see what the logger gave them."""
    seen = record("%s", 1)
    before = dict(seen.__dict__)
    formatter("verbose").format(seen)
    assert seen.__dict__ == before


def test_wrong_arguments() -> None:
    """Arguments that do not fit cost the arguments, not the record."""
    assert formatter("simple").format(record("%d", "x")) == "WARNING %d (with arguments that do not fit)"


def test_security_event() -> None:
    """A security event in a text format is its message: the same words as in the line."""
    assert formatter("simple").format(event_record()).startswith(f"WARNING login_failed ip={EVENT.address} ")
