"""The mark of the threads that talk to CloudWatch: what they log must not be sent, or sending would never end."""

from __future__ import annotations

import logging
import threading

_thread = threading.local()


def mark(sending: bool) -> None:
    """Set or lift the mark of this thread, or of this greenlet where gevent has patched threads."""
    _thread.sending = sending


def is_foreign(record: logging.LogRecord) -> bool:
    """Tell whether the record, made by this thread, is none about our own traffic; a filter for handlers."""
    return not getattr(_thread, "sending", False)
