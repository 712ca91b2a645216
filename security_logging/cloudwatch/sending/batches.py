"""The events as CloudWatch takes them, and the batches that its limits allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import TypedDict

# PutLogEvents, "The batch of events must satisfy the following constraints".
MAX_BATCH_BYTES = 1_048_576
MAX_BATCH_EVENTS = 10_000
MAX_BATCH_SPAN = 24 * 3600 * 1000 - 1  # milliseconds between the first and the last event
EVENT_OVERHEAD = 26  # bytes that each event counts besides its message
MAX_MESSAGE_BYTES = MAX_BATCH_BYTES - EVENT_OVERHEAD


class LogEvent(TypedDict):
    """One event: milliseconds since 1970 in UTC, and the line."""

    timestamp: int
    message: str


def message_bytes(message: str) -> int:
    """Return the length of the message as it travels."""
    return len(message) if message.isascii() else len(message.encode("utf-8", "replace"))


def batches(events: Iterable[LogEvent]) -> Iterator[list[LogEvent]]:
    """
    Yield the events in the order of their time, in batches that CloudWatch accepts.

    No event may be larger than `MAX_MESSAGE_BYTES`.
    """
    batch: list[LogEvent] = []
    size = 0
    latest = -1
    for event in sorted(events, key=itemgetter("timestamp")):
        needed = message_bytes(event["message"]) + EVENT_OVERHEAD
        if size + needed > MAX_BATCH_BYTES or len(batch) == MAX_BATCH_EVENTS or event["timestamp"] > latest:
            if batch:
                yield batch
            batch, size, latest = [], 0, event["timestamp"] + MAX_BATCH_SPAN
        batch.append(event)
        size += needed
    if batch:
        yield batch
