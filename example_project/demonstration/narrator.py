"""Show on the terminal what happens."""

from __future__ import annotations

import os
import shutil
import textwrap
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TextIO

from demonstration.security_log import as_record
from security_logging import SecurityEvent
from security_logging.formatters import ConsoleFormatter

BOLD, DIM, GREEN, RED, CYAN = "1", "2", "32", "31", "36"
PAUSE_SECONDS = 1


@dataclass(frozen=True)
class Narrator:
    """Writes to a stream, in colour if NO_COLOR, FORCE_COLOR or the terminal says so."""

    stream: TextIO

    @property
    def wants_color(self) -> bool:
        """Return whether to use colour."""
        if os.environ.get("NO_COLOR"):
            return False
        return bool(os.environ.get("FORCE_COLOR")) or self.stream.isatty()

    @property
    def marks(self) -> tuple[str, str, str]:
        """The marks for passed, for failed and for a log line, in characters that the stream can show."""
        fancy = "utf" in (self.stream.encoding or "").lower()
        return ("\u2713", "\u2717", "\u2502") if fancy else ("ok", "FAILED", "|")

    @property
    def width(self) -> int:
        """The columns of the terminal."""
        return max(60, shutil.get_terminal_size((120, 24)).columns)

    def paint(self, code: str, text: str) -> str:
        """Return the text in a colour."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.wants_color else text

    def write(self, text: str = "") -> None:
        """Write a line, at once."""
        print(text, file=self.stream, flush=True)

    def title(self, text: str) -> None:
        """Begin a chapter."""
        self.pause()
        self.write()
        self.write(self.paint(BOLD, text))

    def pause(self) -> None:
        """Give people at a terminal the time to read."""
        if self.stream.isatty():
            time.sleep(PAUSE_SECONDS)

    def say(self, text: str) -> None:
        """Write a sentence."""
        for line in textwrap.wrap(text, self.width - 4):
            self.write(f"  {line}")

    def output(self, lines: Iterable[str]) -> None:
        """Show what a program has printed."""
        for line in lines:
            self.write(f"    {line}")

    def finding(self, text: str, *, ok: bool) -> None:
        """Write what was checked, and whether it was as expected."""
        good, bad, _bar = self.marks
        self.write(f"  {self.paint(GREEN, good) if ok else self.paint(RED, bad)} {text}")

    def log_lines(self, events: Iterable[SecurityEvent]) -> None:
        """Show events with the colours of our console formatter."""
        formatter = ConsoleFormatter(color=self.wants_color)
        for event in events:
            self.write(f"    {self.paint(CYAN, self.marks[2])} {formatter.format(as_record(event))}")
