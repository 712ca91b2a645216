"""For the tests of a project: capture the security events that its code logs."""

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
    Yield a list; each event that is logged inside the block, in any thread, is appended to it.

    It needs no LOGGING, because it uses the signal `security_event`. An event that is switched off in
    SECURITY_LOGGING_EVENTS does not appear. Flood control starts again, as if nothing had been logged before.
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
