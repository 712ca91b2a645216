"""A progress bar for the backlog, on one line of a terminal."""

from __future__ import annotations

import time
from typing import TextIO

from security_logging.cloudwatch.shipping.shipper import Progress

_WIDTH = 30
_REDRAW_SECONDS = 0.1


class ProgressBar:
    """Draw how much of the backlog is shipped, if the output is a terminal."""

    def __init__(self, output: TextIO) -> None:
        """Take the output."""
        self._output = output
        self._is_terminal = output.isatty()
        self._begun = time.monotonic()
        self._drawn = float("-inf")
        self._largest = 0

    def __call__(self, progress: Progress) -> None:
        """Draw the progress, at most ten times a second, and at the end of the backlog."""
        self._largest = max(self._largest, progress.backlog)
        is_due = time.monotonic() - self._drawn >= _REDRAW_SECONDS or not progress.backlog
        if not self._is_terminal or not self._largest or not is_due:
            return
        self._drawn = time.monotonic()
        share = 1 - progress.backlog / self._largest
        bar = "#" * int(share * _WIDTH)
        rate = progress.events / max(0.001, self._drawn - self._begun)
        left = progress.backlog / 1_000_000
        self._output.write(
            f"\r[{bar:<{_WIDTH}}] {share:4.0%}  {progress.events:,} events, {rate:,.0f}/s, {left:,.1f} MB left "
        )
        if not progress.backlog:
            self._output.write("\n")
            self._largest = 0
        self._output.flush()
