"""The line: always one, always ours, and read back as what it was written from."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_strategies import events, fullest, texts
from security_logging.events.event import SecurityEvent
from security_logging.events.fields import FIELDS, Kind
from security_logging.events.line import parse, prefix, render, render_message
from security_logging.events.type_registry import LINE_LIMIT, longest_line
from security_logging.events.types import EVENT_TYPES, LOGIN_FAILED, LOGOUT, EventType

every_type = pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda event_type: event_type.name)

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
        "user": "alice",
        "path": "/admin/login/",
        "status": 200,
        "peer": "10.0.0.5",
    },
)
LINE = (
    "2026-08-01T12:00:00.123+00:00 django-security[412]: login_failed ip=203.0.113.7 net=203.0.113.7 surface=admin "
    'reason=bad_credentials user="alice" path="/admin/login/" status=200 peer=10.0.0.5 id=4f1c0a2b9d3e4c5f60718293'
)
HEAD = re.compile(
    r"[0-9T:.-]{23}\+00:00 django-security\[\d+\]: [a-z_]+ ip=([0-9a-f:.]+|-) net=([0-9a-f:./]+|-) "
    r"surface=[\w.:-]+ reason=[\w.:-]+ "
)


def test_line() -> None:
    """The line is the contract with every filter and dashboard out there."""
    assert render(EVENT) == LINE


def test_message() -> None:
    """Without time and ident it is what syslog and the journal are given."""
    assert f"{prefix(EVENT.time, EVENT.pid)}{render_message(EVENT)}" == LINE


def test_parse() -> None:
    """A line is read back as the event it was written from."""
    assert parse(LINE) == EVENT


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_end(end: str) -> None:
    """The line end belongs to the file and not to the line."""
    assert parse(LINE + end) == EVENT


@given(events)
def test_parse_is_the_inverse_of_render(event: SecurityEvent) -> None:
    """Whatever is in an event, it is read back as it was."""
    assert parse(render(event)) == event


@given(events)
def test_one_line_of_printable_ascii(event: SecurityEvent) -> None:
    """Whatever is in an event, it is one short line in which nothing steers a terminal."""
    line = render(event)
    assert re.fullmatch(r"[ -~]+", line)
    assert len(line) < LINE_LIMIT


@given(events)
def test_head(event: SecurityEvent) -> None:
    """Whatever is in an event, the line begins with what we chose, up to and including the reason."""
    line = render(event)
    head = HEAD.match(line)
    assert head is not None
    assert (head[1], head[2]) == (event.fields["ip"], event.fields["net"])


@given(events, texts)
def test_head_is_the_same_whatever_a_client_wrote(event: SecurityEvent, text: str) -> None:
    """What a client writes changes no byte before the first of it."""
    client = [name for name in event.fields if FIELDS[name].kind is Kind.TEXT]
    other = replace(event, fields={**event.fields, **dict.fromkeys(client, text)})
    assert render(other).startswith(render(event).partition(f" {client[0]}=" if client else " id=")[0])


@every_type
@pytest.mark.parametrize("text", ["a" * 400, "\u2028" * 400, "\U0001f4a5" * 400, '"' * 400], ids=ascii)
def test_longest_line(event_type: EventType, text: str) -> None:
    """The longest line of each type stays whole in one write, and is not longer than was reckoned."""
    assert len(render(fullest(event_type, text))) <= longest_line(event_type) < LINE_LIMIT


@pytest.mark.parametrize("kept", range(len(LINE)))
def test_cut_line(kept: int) -> None:
    """A line that was cut, or is read while it is being written, is no line, wherever the cut is."""
    with pytest.raises(ValueError, match=r".+"):
        parse(LINE[:kept])


@given(events, st.data())
def test_any_cut_line(event: SecurityEvent, data: st.DataObject) -> None:
    """The same for any event."""
    line = render(event)
    with pytest.raises(ValueError, match=r".+"):
        parse(line[: data.draw(st.integers(0, len(line) - 1))])


@pytest.mark.parametrize(
    "line",
    [
        LINE + ' risk=7 mood="grim \\" x=1" id2=x',
        LINE.replace(" id=", ' mood="ip=198.51.100.1" id='),
        LINE + " lag=3",  # a field of another event type
    ],
)
def test_fields_of_a_later_version(line: str) -> None:
    """Fields that this version does not know are passed over."""
    assert parse(line) == EVENT


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ("empty", ""),
        ("a blank", " "),
        ("something before it", f"x{LINE}"),
        ("something behind it", f"{LINE} and more"),
        ("two of them", f"{LINE}\n{LINE}"),
        ("an unknown event", LINE.replace("login_failed", "coffee_made")),
        ("a foreign record", LINE.partition("login_failed")[0] + 'log level="INFO" logger="x" message="y"'),
        ("another program", LINE.replace("django-security", "sshd")),
        ("another zone", LINE.replace("+00:00", "+02:00")),
        ("no zone", LINE.replace("+00:00", "")),
        ("a day that does not exist", LINE.replace("2026-08-01", "2026-08-32")),
        ("digits that only look like digits", LINE.replace("[412]", "[\u0664\u0661\u0662]")),
        ("the head in another order", LINE.replace("ip=203.0.113.7 net=203.0.113.7", "net=203.0.113.7 ip=203.0.113.7")),
        ("no surface", LINE.replace(" surface=admin", "")),
        ("two addresses", LINE.replace(" status=200", " ip=198.51.100.1")),
        ("no address", LINE.replace("ip=203.0.113.7", "ip=somebody")),
        ("a text without quotes", LINE.replace('"alice"', "alice")),
        ("a word in quotes", LINE.replace("reason=bad_credentials", 'reason="bad_credentials"')),
        ("a number that is none", LINE.replace("status=200", "status=ok")),
        ("a text that does not end", LINE.replace('"alice"', '"alice')),
        ("a text with a line break in it", LINE.replace("alice", "al\nice")),
        ("a text with an escape that JSON does not know", LINE.replace("alice", "al\\qice")),
        ("a text beyond ASCII", LINE.replace("alice", "al\u00efce")),
        ("an id that is none", LINE.replace("id=4f1c", "id=zzzz")),
        ("an id with something behind it", f"{LINE}0"),
        ("two blanks", LINE.replace(" surface", "  surface")),
    ],
)
def test_not_a_line(wrong: str, line: str) -> None:
    """What is not exactly one line of ours is refused, and never read as somebody's address."""
    with pytest.raises(ValueError, match=r".+"):
        parse(line)


@given(texts)
def test_anything_is_refused(text: str) -> None:
    """Whatever else stands in the file is refused with a ValueError, and nothing else is raised."""
    with pytest.raises(ValueError, match=r".+"):
        parse(text)


@pytest.mark.parametrize(
    "line",
    [
        "\\" * 10**6,
        LINE.replace("alice", "\\\\" * 10**6),
        LINE.replace(" id=", " a=b" * 10**6 + " id="),
        LINE.replace(" id=", f' mood="{"x" * LINE_LIMIT}" id='),
    ],
    ids=["backslashes", "escapes", "fields", "text"],
)
def test_megabyte(line: str) -> None:
    """A line longer than ours ever are is refused, and a huge one costs nothing."""
    with pytest.raises(ValueError, match="not a security line"):
        parse(line)


def test_error_is_short() -> None:
    """An error quotes the beginning of the line and not a megabyte of it."""
    with pytest.raises(ValueError, match=r"^not a security line: 'x{80}'$"):
        parse("x" * 10**6)


def test_user_whose_name_is_a_dash() -> None:
    """A text that is a dash is a text; only an address, a surface or a word that is a dash is unknown."""
    event = replace(EVENT, fields={**EVENT.fields, "user": "-"})
    assert 'user="-"' in render(event)


def test_optional_field_without_a_value() -> None:
    """An optional field of which nothing is known is not written."""
    assert "peer" not in render(replace(EVENT, fields={**EVENT.fields, "peer": "-"}))


def test_event_without_fields() -> None:
    """An event of which nothing is known is a whole line too."""
    event = replace(EVENT, type=LOGOUT, fields={})
    assert render_message(event) == "logout ip=- net=- surface=- reason=- id=4f1c0a2b9d3e4c5f60718293"
