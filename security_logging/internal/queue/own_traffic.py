"""What must not be queued: records about our own sending, which would cause more of them, and heartbeats of others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from security_logging.events.types import HEARTBEAT

_thread = threading.local()


def mark(sending: bool) -> None:
    """Set or lift the mark of this thread, or of this greenlet where gevent has patched threads."""
    _thread.sending = sending


@contextmanager
def lifted() -> Iterator[None]:
    """Let what this thread logs inside the block be queued like anything else."""
    before = getattr(_thread, "sending", False)
    mark(False)
    try:
        yield
    finally:
        mark(before)


def is_foreign(record: logging.LogRecord) -> bool:
    """Return whether the record may be queued; a filter for handlers that stand on a queue."""
    event = getattr(record, "security_event", None)
    return not getattr(_thread, "sending", False) and getattr(event, "type", None) is not HEARTBEAT
