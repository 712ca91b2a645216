"""Log records and security events for tests that need neither a logger nor a request."""

from __future__ import annotations

import logging
import sys
from datetime import datetime, timezone
from typing import Any

from security_logging.events.event import SecurityEvent
from security_logging.events.line import render_message
from security_logging.events.types import LOGIN_FAILED

MOMENT = datetime(2026, 8, 1, 12, 0, 0, 123000, timezone.utc)
EVENT = SecurityEvent(
    type=LOGIN_FAILED,
    time=MOMENT,
    pid=412,
    id="4f1c0a2b9d3e4c5f60718293",
    fields={
        "ip": "203.0.113.7",
        "surface": "admin",
        "reason": "bad_credentials",
        "user": 'a"]\n',
        "net": "203.0.113.7",
    },
)


def record(message: str = "hello", *args: object, name: str = "shop.views", **attributes: Any) -> logging.LogRecord:
    """Return a record of the moment, with further attributes."""
    made = logging.LogRecord(name, logging.WARNING, "/srv/shop/views.py", 7, message, args, None, "checkout")
    made.created, made.process, made.thread = MOMENT.timestamp(), 412, 1
    made.__dict__.update(attributes)
    return made


def event_record(event: SecurityEvent = EVENT, **attributes: Any) -> logging.LogRecord:
    """Return the record that carries the event."""
    return record(render_message(event), name=f"security.{event.type.event_class}", security_event=event, **attributes)


def failed(message: str) -> Any:
    """Return the exc_info of an exception with that message."""
    try:
        raise ValueError(message)  # noqa: TRY301 (an exception has a traceback once it was raised)
    except ValueError:
        return sys.exc_info()
