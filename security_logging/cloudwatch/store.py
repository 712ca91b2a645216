"""What one process keeps on disk for CloudWatch: its spool, the spools it inherits, and the dead letters."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from security_logging.cloudwatch import refused, spool
from security_logging.cloudwatch.batches import LogEvent
from security_logging.cloudwatch.counts import Counts
from security_logging.cloudwatch.sender import Sender
from security_logging.cloudwatch.spool import SpoolFile, Waiting
from security_logging.internal.errors import report

_ORPHAN_INTERVAL = 30.0  # seconds between two looks for spools of processes that are gone


class Store:
    """
    Keep events on disk, replay them, and count both; safe to use from several threads.

    Nothing raises: what cannot be kept is counted as dropped, and reported to `security_logging.internal`.
    """

    def __init__(self, directory: Callable[[], Path], limit: int, counts: Counts) -> None:
        """Use the directory from the first event on; `limit` is in bytes, for all its spool files together."""
        self._directory = directory
        self._limit = limit
        self._counts = counts
        self._file: SpoolFile | None = None
        self._lock = threading.RLock()  # as in the pipeline: a signal may come at any moment
        self._next_look = float("-inf")
        self._oldest: int | None = None  # time of the oldest event in our spool

    @property
    def lag(self) -> int:
        """Return the age of the oldest waiting event of this process in seconds, 0 when none waits."""
        oldest = self._oldest
        return 0 if oldest is None else max(0, int(time.time() - oldest / 1000))

    def keep(self, waiting: Sequence[Waiting]) -> None:
        """Spool the events, or count them as dropped when the spool is full or cannot be written."""
        if not waiting:
            return
        with self._lock:
            try:
                self._append(waiting)
            except OSError:
                report("cloudwatch spool")
                self._counts.dropped += len(waiting)
            else:
                self._counts.spooled += len(waiting)

    def refuse(self, group: str, stream: str, found: Sequence[tuple[LogEvent, str]]) -> None:
        """Put the events with the reasons aside for good."""
        if not found:
            return
        kept = 0
        with self._lock:
            try:
                kept = refused.keep(self._directory(), group, stream, found)
            except OSError:
                report("cloudwatch dead letters")
            self._counts.rejected += kept
            self._counts.dropped += len(found) - kept

    def replay(self, sender: Sender) -> None:
        """Send what waits, first ours, then what processes left that are gone; stop at the first failure to send."""
        if self._file is not None:
            self._try_to_replay(self._file, sender)
        if sender.is_available and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _ORPHAN_INTERVAL
            self._replay_orphans(sender)

    def close(self) -> None:
        """Give up our spool: an empty one is removed, another process may replay any other."""
        with self._lock:
            file, self._file = self._file, None
            if file is not None:
                _give_up(file)

    def abandon(self) -> None:
        """Close the descriptor that a fork has copied; the parent still owns the spool. Takes no lock: it is a copy."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, waiting: Sequence[Waiting]) -> None:
        directory = self._directory()
        if spool.used_bytes(directory) >= self._limit:
            raise OSError("the spool is full")
        if self._file is None:
            self._file = SpoolFile.create(directory)
        self._file.append(waiting)
        if self._oldest is None:
            self._oldest = waiting[0].event["timestamp"]

    def _replay_orphans(self, sender: Sender) -> None:
        try:
            for orphan in spool.orphans(self._directory()):
                self._try_to_replay(orphan, sender)
                _give_up(orphan)
        except OSError:
            report("cloudwatch spool")

    def _try_to_replay(self, file: SpoolFile, sender: Sender) -> None:
        try:
            self._replay(file, sender)
        except OSError:  # of the disk; the next turn tries again from where this one came to
            report("cloudwatch spool")

    def _replay(self, file: SpoolFile, sender: Sender) -> None:
        while sender.is_available and (runs := file.runs()):
            for run in runs:
                receipt = sender.send(run.group, run.stream, run.events)
                if receipt.unsent:
                    return
                self.refuse(run.group, run.stream, receipt.refused)
                with self._lock:
                    self._counts.replayed += len(receipt.sent)
                    file.advance(run.end)
                    if file is self._file:
                        self._oldest = None if file.is_empty else run.events[-1]["timestamp"]


def _give_up(file: SpoolFile) -> None:
    try:
        finish = file.remove if file.is_empty else file.close
        finish()
    except OSError:  # a file system that was remounted read-only, for one
        report("cloudwatch spool")
