"""The one form of what the system checks, the doctor and the other instruments find."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad it is, from best to worst."""

    OK = "ok"
    NOTE = "note"  # good to know; there is nothing to do
    UNKNOWN = "unknown"  # it could not be checked; the message says why
    WARNING = "warning"  # it works, but less well than it could
    ERROR = "error"  # events are lost, attackers are not banned, or the wrong address could be banned

    @property
    def mark(self) -> str:
        """Two characters that show the level at the beginning of a line."""
        return {"ok": "ok", "note": "--", "unknown": "??", "warning": "!!", "error": "XX"}[self.value]


@dataclass(frozen=True)
class Problem:
    """
    One thing that was checked; at the level ok there is nothing wrong with it.

    `id` is for programs: it stays as it is and is never used for something else. `message` is a sentence that says
    what is wrong and shows the value. `fix` says what to write or run, and is empty when there is nothing to do.
    """

    id: str
    level: Level
    message: str
    fix: str = ""


def ok(problem_id: str, message: str) -> Problem:
    """Return that something is as it should be."""
    return Problem(problem_id, Level.OK, message)


def note(problem_id: str, message: str, fix: str = "") -> Problem:
    """Return something that is good to know."""
    return Problem(problem_id, Level.NOTE, message, fix)


def unknown(problem_id: str, message: str, fix: str = "") -> Problem:
    """Return that something could not be checked; the message says why."""
    return Problem(problem_id, Level.UNKNOWN, message, fix)


def warning(problem_id: str, message: str, fix: str) -> Problem:
    """Return that something works less well than it could."""
    return Problem(problem_id, Level.WARNING, message, fix)


def error(problem_id: str, message: str, fix: str) -> Problem:
    """Return that events are lost, attackers are not banned, or the wrong address could be banned."""
    return Problem(problem_id, Level.ERROR, message, fix)


def worst(levels: Iterable[Level]) -> Level:
    """Return the worst of the levels; ok when there are none."""
    return max(levels, key=list(Level).index, default=Level.OK)


def exit_status(levels: Iterable[Level]) -> int:
    """Return 1 when a level is warning or error, else 2 when one is unknown, else 0."""
    return {Level.WARNING: 1, Level.ERROR: 1, Level.UNKNOWN: 2}.get(worst(levels), 0)
