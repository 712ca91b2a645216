"""Follow the events in CloudWatch, in the form of the console log."""

from __future__ import annotations

import json
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from typing import Any

from security_logging.events import ecs
from security_logging.events.types import HEARTBEAT
from security_logging.formatters.security import ConsoleFormatter, event_of

_POLL = 2.0  # seconds between two looks
_OVERLAP = 60_000  # milliseconds; CloudWatch may show an event later than newer ones
_REMEMBERED = 100_000  # ids of events that were shown


def follow(
    logs: Any, group: str, start: int, *, forever: bool, wait: Callable[[float], None] = time.sleep
) -> Iterator[str]:
    """Yield each message since `start`, in milliseconds since 1970; with `forever`, go on with new messages."""
    seen: OrderedDict[str, None] = OrderedDict()
    while True:
        newest = start
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=start):
            for event in page["events"]:
                newest = max(newest, event["timestamp"])
                if event["eventId"] not in seen:
                    seen[event["eventId"]] = None
                    yield event["message"]
        while len(seen) > _REMEMBERED:
            seen.popitem(last=False)
        if not forever:
            return
        start = max(start, newest - _OVERLAP)
        wait(_POLL)


def show(message: str, formatter: ConsoleFormatter, only: Collection[str] = ()) -> str | None:
    """
    Return the message as a line for a terminal, or None if it is not selected.

    `only` selects event types; without it, everything except heartbeats is shown. The message is attacker-controlled.
    """
    record = _record(message)
    event = event_of(record)
    if event is None:
        return None if only else formatter.format(record)
    return formatter.format(record) if (event.type.name in only if only else event.type != HEARTBEAT) else None


def describe(message: str) -> str:
    """Return the message as the console log shows it, without time and colour."""
    return ConsoleFormatter(color=False).format(_record(message)).partition(" ")[2]


def _record(message: str) -> logging.LogRecord:
    try:
        event = ecs.parse_json(message)
    except ValueError:
        return _foreign_record(message)
    level = {"levelno": event.type.level, "levelname": logging.getLevelName(event.type.level)}
    return logging.makeLogRecord({"security_event": event, **level})


def _foreign_record(message: str) -> logging.LogRecord:
    try:
        found = json.loads(message)
        log = {"name": str(found["log"]["logger"]), "levelname": str(found["log"]["level"]).upper()}
        return logging.makeLogRecord({**log, "msg": str(found["message"])})
    except (ValueError, KeyError, TypeError):
        return logging.makeLogRecord({"name": "?", "levelname": "INFO", "msg": message})
