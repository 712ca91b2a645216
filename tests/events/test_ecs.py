"""The JSON form: one line in the Elastic Common Schema, with what a client wrote behind what we chose."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_strategies import events, fullest, texts
from security_logging.events.ecs import document, parse_json, render_json
from security_logging.events.event import SecurityEvent
from security_logging.events.fields import FIELDS, Kind
from security_logging.events.line import parse, render
from security_logging.events.types import EVENT_TYPES, LOGIN_FAILED, LOGOUT, EventType

SCHEMA = json.loads((Path(__file__).parent.parent / "data/ecs-9.4.0.json").read_text("ascii"))
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
        "claimed": "203.0.113.9",
    },
)
LINE = (
    '{"@timestamp":"2026-08-01T12:00:00.123Z","event":{"action":"login_failed","id":"4f1c0a2b9d3e4c5f60718293",'
    '"kind":"event","category":["authentication"],"type":["start"],"outcome":"failure","reason":"bad_credentials",'
    '"code":"authn_login_fail","provider":"django-security-logging","dataset":"django.security","severity":50},'
    '"source":{"ip":"203.0.113.7"},"labels":{"net":"203.0.113.7","surface":"admin"},"user":{"name":"alice"},'
    '"url":{"path":"/admin/login/"},"http":{"response":{"status_code":200}},"observer":{"ip":["10.0.0.5"]},'
    '"network":{"forwarded_ip":"203.0.113.9"},'
    '"related":{"ip":["203.0.113.7","10.0.0.5","203.0.113.9"],"user":["alice"]},"process":{"pid":412},'
    '"message":"login_failed","ecs":{"version":"9.4.0"}}'
)


def test_line() -> None:
    """The line is the contract with every dashboard, filter and parser out there, byte by byte."""
    assert render_json(EVENT) == LINE


def test_parse() -> None:
    """A line is read back as the event it was written from."""
    assert parse_json(LINE) == EVENT


@given(events)
def test_parse_is_the_inverse_of_render(event: SecurityEvent) -> None:
    """Whatever is in an event, it is read back as it was."""
    assert parse_json(render_json(event)) == event


@given(events)
def test_both_forms_hold_the_same(event: SecurityEvent) -> None:
    """Which of the two files is read makes no difference."""
    assert parse(render(event)) == parse_json(render_json(event))


@given(events)
def test_one_line_of_printable_ascii(event: SecurityEvent) -> None:
    """Whatever is in an event, it is one line in which nothing steers a terminal, below 4 KB."""
    assert re.fullmatch("[ -~]{1,4095}", render_json(event))


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda event_type: event_type.name)
@pytest.mark.parametrize("text", ["a" * 400, "\U0001f4a5" * 400], ids=["ascii", "escapes"])
def test_longest_line(event_type: EventType, text: str) -> None:
    """The longest line of each type is one write into a pipe too, which stays whole up to 4096 bytes (pipe(7))."""
    assert len(render_json(fullest(event_type, text))) < 4096


@given(events, texts)
def test_nothing_from_a_client_before_net_and_surface(event: SecurityEvent, text: str) -> None:
    """What a client writes changes no byte before the end of what the filter looks at."""
    client = [name for name in event.fields if FIELDS[name].kind is Kind.TEXT]
    other = replace(event, fields={**event.fields, **dict.fromkeys(client, text)})
    bare = replace(event, fields={name: event.fields[name] for name in ("ip", "net", "surface", "reason")})
    chosen = json.dumps({key: document(bare).get(key) for key in ("@timestamp", "event", "source", "labels")})
    head = chosen.replace(" ", "").replace(',"source":null', "").replace(',"labels":null', "").rstrip("}")
    assert [render_json(event)[: len(head)], render_json(other)[: len(head)]] == [head, head]


def test_extra_objects_come_last() -> None:
    """What the process adds stands behind everything else."""
    assert render_json(EVENT, {"service": {"name": "shop"}}) == LINE[:-1] + ',"service":{"name":"shop"}}'


def test_unknown_is_left_out() -> None:
    """An unknown address is no text where an index expects an address; nothing else that is unknown is said either."""
    event = replace(EVENT, type=LOGOUT, fields={})
    assert document(event) == {
        "@timestamp": "2026-08-01T12:00:00.123Z",
        "event": {
            "action": "logout",
            "id": "4f1c0a2b9d3e4c5f60718293",
            "kind": "event",
            "category": ("authentication", "session"),
            "type": ("end",),
            "outcome": "success",
            "code": "session_expired",
            "provider": "django-security-logging",
            "dataset": "django.security",
            "severity": 10,
        },
        "related": {},
        "process": {"pid": 412},
        "message": "logout",
        "ecs": {"version": "9.4.0"},
    }


def test_user_whose_name_is_a_dash() -> None:
    """A text that is a dash is a text."""
    event = replace(EVENT, fields={"user": "-"})
    assert (document(event)["user"], document(event)["related"]) == ({"name": "-"}, {"user": ["-"]})


def test_related_names_each_once() -> None:
    """Two fields with the same address are one related address."""
    event = replace(EVENT, fields={"ip": "203.0.113.7", "peer": "203.0.113.7"})
    assert document(event)["related"] == {"ip": ["203.0.113.7"]}


@given(events, st.data())
def test_cut_line(event: SecurityEvent, data: st.DataObject) -> None:
    """A line that was cut, or is read while it is being written, is refused."""
    line = render_json(event)
    with pytest.raises(ValueError, match=r".+"):
        parse_json(line[: data.draw(st.integers(0, len(line) - 1))])


def test_keys_of_a_later_version() -> None:
    """Keys that this version does not know are passed over."""
    assert parse_json(LINE[:-1] + ',"risk":{"score":7},"tags":["x"]}') == EVENT


def _changed(*path: str, value: object) -> str:
    """Return the line with one value replaced, or without it when the value is None."""
    found: dict[str, Any] = json.loads(LINE)
    parent = found
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    if value is None:
        del parent[path[-1]]
    return json.dumps(found)


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ("empty", ""),
        ("no JSON", "login_failed"),
        ("a list", "[]"),
        ("null", "null"),
        ("a text", '"login_failed"'),
        ("a foreign record", '{"@timestamp":"2026-08-01T12:00:00.123Z","log":{"level":"info"},"message":"x"}'),
        ("depth", "[" * 100_000),
        ("no event", _changed("event", value=None)),
        ("an event that is a text", _changed("event", value="login_failed")),
        ("an unknown event", _changed("event", "action", value="coffee_made")),
        ("an event name that is a list", _changed("event", "action", value=["login_failed"])),
        ("no id", _changed("event", "id", value=None)),
        ("an id that is a number", _changed("event", "id", value=4)),
        ("no time", _changed("@timestamp", value=None)),
        ("a time that is a number", _changed("@timestamp", value=1785585600)),
        ("a time without a zone", _changed("@timestamp", value="2026-08-01T12:00:00.123")),
        ("no time at all", _changed("@timestamp", value="noon")),
        ("no process", _changed("process", value=None)),
        ("a process without end", _changed("process", "pid", value=float("inf"))),
        ("no address", _changed("source", "ip", value="somebody")),
        ("two addresses", _changed("source", "ip", value=["203.0.113.7", "203.0.113.8"])),
        ("a user that is an object", _changed("user", "name", value={"a": 1})),
        ("a status that is a text", _changed("http", "response", "status_code", value="ok")),
        ("peers that are no addresses", _changed("observer", "ip", value=[{}])),
        ("peers that are an object", _changed("observer", "ip", value={"a": 1})),
    ],
)
def test_not_an_event(wrong: str, line: str) -> None:
    """What is not an event of ours is refused with a ValueError, and nothing else is raised."""
    with pytest.raises(ValueError, match=r".+"):
        parse_json(line)


def _places(found: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Return each value of a document with its dotted place."""
    for key, value in found.items():
        if isinstance(value, dict) and key != "labels":
            yield from _places(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _fits(place: str, value: Any) -> bool:
    """Tell whether a value is of the type that the schema says."""
    schema = SCHEMA["fields"][place]
    if isinstance(value, list):
        return bool(schema["array"]) and bool(value) and all(_fits_type(schema["type"], each) for each in value)
    return not schema["array"] and _fits_type(schema["type"], value)


def _fits_type(kind: str, value: Any) -> bool:
    if kind == "ip":
        return bool(ipaddress.ip_address(value))
    if kind == "date":
        return re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value) is not None
    if kind == "object":  # labels: a value for each key, nothing nested (ECS, labels)
        return all(isinstance(each, str | int) for each in value.values())
    return isinstance(value, {"long": int}.get(kind, str))


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda event_type: event_type.name)
def test_schema(event_type: EventType) -> None:
    """Every value of the fullest event of each type stands where the schema wants it, and is of its type."""
    line = render_json(fullest(event_type), {"log": {"level": "info", "logger": "x"}, "service": {"name": "shop"}})
    wrong = [(place, value) for place, value in _places(json.loads(line)) if not _fits(place, value)]
    assert wrong == []


def test_version() -> None:
    """The version that we name is the one that is checked here."""
    assert document(EVENT)["ecs"] == {"version": SCHEMA["version"]}
