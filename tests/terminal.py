"""A program at a terminal of its own, whose questions a test answers."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from fail2ban_server import wait_for

SECONDS = 60


class Terminal:
    """The program and what it has said."""

    def __init__(self, words: Sequence[str], directory: Path, environment: Mapping[str, str]) -> None:
        """Start the program in the directory."""
        self.said = ""
        self.end, other = pty.openpty()
        os.set_blocking(self.end, False)
        self.process = subprocess.Popen(
            words, cwd=directory, stdin=other, stdout=other, stderr=other, start_new_session=True,
            env={**os.environ, **environment},
        )  # fmt: skip
        os.close(other)

    def answer(self, question: str, answer: str) -> None:
        """Wait until what was said ends with the question, and answer."""
        wait_for(lambda: self._read().rstrip().endswith(question), f"{question} after {self.said}", SECONDS)
        self.said += "\n"
        os.write(self.end, f"{answer}\n".encode())

    def wait(self) -> int:
        """Return the exit status."""
        wait_for(self._has_ended, f"the end of {self.said}", SECONDS)
        self._read()
        os.close(self.end)
        return int(self.process.returncode)

    def _has_ended(self) -> bool:
        self._read()
        return self.process.poll() is not None

    def _read(self) -> str:
        with suppress(OSError):  # nothing is there to read, or nobody is left to write
            self.said += os.read(self.end, 100_000).decode()
        return self.said
