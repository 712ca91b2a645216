"""The stream handler: standard error or output, written without waiting for the program that reads it."""

from __future__ import annotations

import logging
import sys

from security_logging.handlers.unlocked import UnlockedHandler
from security_logging.internal import output


class StreamHandler(UnlockedHandler):
    """
    Write each record to a stream, without waiting for its reader.

    A container's log driver, a terminal that was stopped with Ctrl-S or a supervisor may stop reading; Python's own
    handler then waits, and all logins with it. This one waits 20 ms, and not again for a second. `failures` counts the
    records that found no room, and the stream gets a line that says how many lines are missing as soon as it is read
    again. On Windows, where a pipe cannot be asked for room, it waits as Python's handler does.
    """

    def __init__(self, stream: output.TextStream | None = None) -> None:
        """Take the stream; None is what `sys.stderr` is at the time of each record."""
        super().__init__()
        self.stream = stream
        self.failures = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, or count it. Raises nothing."""
        try:
            output.write(sys.stderr if self.stream is None else self.stream, f"{self.line(record)}\n")
        except Exception:  # noqa: BLE001 (full, closed or gone: a login must not fail for want of a terminal)
            self.failures += 1
