from __future__ import annotations

from security_logging.cloudwatch.sending import batches
from security_logging.cloudwatch.sending.batches import LogEvent

HOUR = 3600 * 1000


def event(timestamp: int = 0, message: str = "x") -> LogEvent:
    """Return an event."""
    return LogEvent(timestamp=timestamp, message=message)


def test_order() -> None:
    """CloudWatch wants the events of a batch in the order of their time."""
    assert [[event(1), event(2)]] == list(batches.batches([event(2), event(1)]))


def test_nothing() -> None:
    """No event is no batch."""
    assert list(batches.batches([])) == []


def test_count() -> None:
    """A batch holds 10,000 events."""
    assert [10_000, 1] == [len(batch) for batch in batches.batches([event()] * 10_001)]


def test_size() -> None:
    """A batch holds 1,048,576 bytes, 26 more for each event than its message has."""
    half = event(message="x" * (batches.MAX_BATCH_BYTES // 2 - batches.EVENT_OVERHEAD))
    assert [2, 1] == [len(batch) for batch in batches.batches([half] * 3)]


def test_size_in_utf_8() -> None:
    """The size is that in UTF-8, not the number of characters."""
    assert batches.message_bytes("\u00fc") == 2


def test_span() -> None:
    """A batch spans less than 24 hours; CloudWatch would refuse all of it."""
    found = batches.batches([event(0), event(24 * HOUR - 1), event(24 * HOUR)])
    assert [[0, 24 * HOUR - 1], [24 * HOUR]] == [[item["timestamp"] for item in batch] for batch in found]
