"""A program at a terminal of its own, whose questions a test answers."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from waiting import wait_for


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
        self._wait_for(lambda: self._read().rstrip().endswith(question), question)
        self.said += "\n"
        os.write(self.end, f"{answer}\n".encode())

    def wait(self) -> int:
        """Return the exit status."""
        self._wait_for(self._has_ended, "the end")
        self._read()
        os.close(self.end)
        return int(self.process.returncode)

    def _wait_for(self, condition: Callable[[], bool], what: str) -> None:
        try:
            wait_for(condition, what)
        except AssertionError as error:
            self.process.kill()
            raise AssertionError(f"{error}; it said: {self.said}") from None

    def _has_ended(self) -> bool:
        self._read()
        return self.process.poll() is not None

    def _read(self) -> str:
        with suppress(OSError):  # nothing is there to read, or nobody is left to write
            self.said += os.read(self.end, 100_000).decode()
        return self.said
