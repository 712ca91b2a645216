"""For the tests of a project: see which security events its code logs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from security_logging.events.event import SecurityEvent
from security_logging.logger import flood_control
from security_logging.signals import security_event

__all__ = ["capture_events"]


@contextmanager
def capture_events() -> Iterator[list[SecurityEvent]]:
    """
    Yield a list that each event logged inside the block is added to, in order, from whatever thread.

    Needs no LOGGING: the events are those of the `security_event` signal. One that is switched off in
    SECURITY_LOGGING_EVENTS does not appear. Flood control begins anew, as if nothing had been logged before.
    """
    flood_control.forget()
    captured: list[SecurityEvent] = []

    def keep(sender: object, event: SecurityEvent, **kwargs: object) -> None:
        captured.append(event)

    security_event.connect(keep, weak=False)
    try:
        yield captured
    finally:
        security_event.disconnect(keep)
