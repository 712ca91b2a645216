"""What is wrong with a destination of the log, noted by a handler and logged as an event a little later."""

from __future__ import annotations

import os
import time

_INTERVAL = 60.0  # seconds between two events about the same destination
noted: dict[str, tuple[str, int]] = {}  # by destination: the worst of it in words, and how often
_next: dict[str, float] = {}


def note(sink: str, detail: str) -> None:
    """
    Keep in mind that the destination was slow; `log_event` logs it after its own event.

    A handler cannot log by itself: it is in the middle of writing a record.
    """
    noted[sink] = (detail, noted.get(sink, ("", 0))[1] + 1)


def due() -> list[tuple[str, str]]:
    """Return destination and detail of what is to be logged now, at most once a minute for each destination."""
    now = time.monotonic()
    found = []
    for sink in list(noted):
        if now >= _next.get(sink, float("-inf")):
            detail, count = noted.pop(sink)
            _next[sink] = now + _INTERVAL
            found.append((sink, f"{detail}, {count} times" if count > 1 else detail))
    return found


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=noted.clear)  # the parent logs it
