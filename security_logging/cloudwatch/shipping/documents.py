"""Make events of CloudWatch from lines of the JSON log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from functools import lru_cache

from security_logging.cloudwatch.sending.batches import LogEvent
from security_logging.events.types import HEARTBEAT

_START = '{"@timestamp":"'
# Our formatter writes the time first, and escapes a quote inside a string, so a client cannot forge either of these.
_TIME = slice(len(_START), len(_START) + 19)
_MILLISECONDS = slice(len(_START) + 20, len(_START) + 23)
_LOGGER = '"logger":"'
# Right behind the time, where nothing of a client stands.
_HEARTBEAT = f'Z","event":{{"action":"{HEARTBEAT.name}",'
_ACTION = slice(len(_START) + 23, len(_START) + 23 + len(_HEARTBEAT))
DEFAULT_FUNCTION = "security"


def log_events(data: bytes) -> Iterator[tuple[str, LogEvent]]:
    """
    Yield each line as an event, with its function, the first part of the logger's name.

    Heartbeats are left out: each queue sends its own to its destination.
    A line of another form gets the time of the line before it, or the current time, because CloudWatch requires one.
    """
    timestamp = None
    for line in data.decode("utf-8", "replace").split("\n"):
        if line and not line.isspace() and line[_ACTION] != _HEARTBEAT:
            timestamp = timestamp_of(line) or timestamp or int(time.time() * 1000)
            yield _function_of(line), {"timestamp": timestamp, "message": line}


def timestamp_of(line: str) -> int | None:
    """Return the time of the line in milliseconds since 1970, or None if the line does not begin with a time."""
    if not line.startswith(_START):
        return None
    try:
        return _seconds(line[_TIME]) * 1000 + int(line[_MILLISECONDS])
    except ValueError:
        return None


def _function_of(line: str) -> str:
    start = line.rfind(_LOGGER)
    if start < 0:
        return DEFAULT_FUNCTION
    start += len(_LOGGER)
    return _first_part(line[start : line.find('"', start)])


@lru_cache(maxsize=1024)
def _first_part(logger: str) -> str:
    return logger[:256].partition(".")[0] or DEFAULT_FUNCTION


@lru_cache(maxsize=64)
def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp())
