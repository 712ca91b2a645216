from __future__ import annotations

import json
import logging
import time

import pytest

from security_logging.cloudwatch.shipping.documents import log_events, timestamp_of
from security_logging.events.ecs import render_json
from security_logging.events.event import make_event
from security_logging.events.line import render_message
from security_logging.events.types import HEARTBEAT, LOGIN_FAILED
from security_logging.formatters.security import ECSFormatter


def line(**fields: object) -> str:
    """Return a line of the JSON log."""
    event = make_event(LOGIN_FAILED, **fields)
    record = logging.makeLogRecord({"name": "security.auth", "msg": render_message(event), "security_event": event})
    return ECSFormatter(service="shop").format(record)


def test_event() -> None:
    """A line becomes an event with its own time, in the function of its logger."""
    text = line(ip="203.0.113.7", user="alice")
    function, event = next(log_events(f"{text}\n".encode()))
    expected = json.loads(text)["@timestamp"]
    found = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(event["timestamp"] // 1000))
    assert (function, event["message"]) == ("security", text)
    assert f"{found}.{event['timestamp'] % 1000:03}Z" == expected


def test_foreign_record() -> None:
    """A record of another logger goes into the stream of its own function."""
    record = logging.makeLogRecord({"name": "django.request", "msg": "x" * 1000})
    text = ECSFormatter(service="shop").format(record)
    assert next(log_events(text.encode()))[0] == "django"


def test_forged_logger() -> None:
    """A user name that looks like a logger does not choose the stream."""
    assert next(log_events(line(user='","logger":"evil').encode()))[0] == "security"


@pytest.mark.parametrize("text", ["", "plain text", '{"@timestamp":"not a time at all, really"}', "\ufffd"])
def test_no_time(text: str) -> None:
    """A line without a time has none."""
    assert timestamp_of(text) is None


def test_line_that_is_none_of_ours() -> None:
    """A line in another form is kept, with the time of the line before it."""
    found = [event for _, event in log_events(f"{line()}\nrubbish\n\n".encode())]
    assert (found[1]["message"], found[1]["timestamp"]) == ("rubbish", found[0]["timestamp"])


def test_rubbish_alone() -> None:
    """A line without a time, with none before it, gets the present."""
    function, event = next(log_events(b"\xff rubbish\n"))
    assert (function, abs(event["timestamp"] / 1000 - time.time()) < 5) == ("security", True)


def test_heartbeat() -> None:
    """A heartbeat of a queue is nothing to ship; an event that a client makes look like one is."""
    beat = make_event(HEARTBEAT, sink="syslog", sent=1)
    forged = line(user='Z","event":{"action":"heartbeat",', path='/{"event":{"action":"heartbeat"}}')
    shipped = [event["message"] for _, event in log_events(f"{render_json(beat)}\n{forged}\n".encode())]
    assert shipped == [forged]
