"""Flood control: identical lines above a rate become one line with a count, and nothing is lost of the rest."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from security_logging.conf import conf
from security_logging.events.event import SecurityEvent
from security_logging.events.fields import UNKNOWN
from security_logging.internal.errors import report

MAX_KEYS = 10_000  # kinds of lines that are counted in one window; lines of further kinds are written
_VARYING = ("path", "method", "agent", "request_id", "claimed", "user", "status", "detail")  # not those of all folded

Key = tuple[object, ...]


class Flood:
    """
    The lines of one process in the present window of time.

    Only events of the class probe are folded: each failed login is a line, whatever the rate. The first
    FLOOD_LINES identical lines of an address in a window are written, and of lines that differ in the path the first
    FLOOD_ADDRESS_LINES, so that Fail2ban can count. Safe to use from any thread.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nothing seen; `clock` counts seconds."""
        self._clock = clock
        self.forget()

    def forget(self) -> None:
        """Begin anew; a forked process does so, since its parent still writes what it has folded."""
        self._lock = threading.RLock()
        self._began = float("-inf")
        self._seen: Counter[Key] = Counter()
        self._folded: dict[Key, tuple[SecurityEvent, int]] = {}
        self._has_ended = False

    def fold(self, event: SecurityEvent) -> list[SecurityEvent]:
        """
        Return the events to be written now: what an ended window has folded, and the event unless it is folded.

        Raises nothing: when it fails, which is reported, the event is written.
        """
        if not self._folded and not _may_be_folded(event):
            return [event]
        try:
            return self._due(event)
        except Exception:  # noqa: BLE001 (flood control must not cost an event)
            report("flood")
            return [event]

    def take(self) -> list[SecurityEvent]:
        """Return what has been folded so far, as one event for each kind of line."""
        with self._lock:
            return self._take()

    def end(self) -> list[SecurityEvent]:
        """Return what has been folded so far, and fold nothing more: a process that ends may never come back to it."""
        self._has_ended = True
        return self.take()

    def _due(self, event: SecurityEvent) -> list[SecurityEvent]:
        with self._lock:
            due = self._take() if self._has_ended or self._clock() - self._began >= conf.FLOOD_WINDOW else []
            key = None if self._has_ended or not _may_be_folded(event) else self._key_above_the_rate(event)
            if key is None:
                return [*due, event]
            self._folded[key] = (event, self._folded[key][1] + 1 if key in self._folded else 1)
            return due

    def _take(self) -> list[SecurityEvent]:
        # Exchanged, not cleared: a signal handler that logs just then would fold into what is lost.
        folded, self._folded = self._folded, {}
        self._began = self._clock()
        self._seen = Counter()
        return [_with_count(key, event, count) for key, (event, count) in folded.items()]

    def _key_above_the_rate(self, event: SecurityEvent) -> Key | None:
        """Count the event; return under which key it is to be folded, None when it is to be written."""
        fields = event.fields
        who = fields.get("peer", UNKNOWN) if fields["net"] == UNKNOWN else fields["net"]
        of_address = (event.type.name, who, fields["surface"], fields["reason"])
        identical = (*of_address, *(fields.get(name) for name in ("path", "method", "user", "detail")))
        limits = ((identical, conf.FLOOD_LINES), (of_address, conf.FLOOD_ADDRESS_LINES))
        for key, limit in limits:
            if len(self._seen) < MAX_KEYS or key in self._seen:
                self._seen[key] += 1
            if self._seen[key] > limit:
                return key
        return None


def _may_be_folded(event: SecurityEvent) -> bool:
    return event.type.event_class == "probe" and "count" in event.type.fields


def _with_count(key: Key, event: SecurityEvent, count: int) -> SecurityEvent:
    """Return the last of the folded events, with how many they were and without what they did not have in common."""
    if count == 1:
        return event
    is_identical = len(key) > 4
    kept = {name: value for name, value in event.fields.items() if is_identical or name not in _VARYING}
    return replace(event, fields={**kept, "count": count})
