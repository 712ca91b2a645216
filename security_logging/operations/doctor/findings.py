"""What the doctor finds: each finding with its level, and with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad it is."""

    OK = "ok"
    NOTE = "note"  # good to know
    UNKNOWN = "unknown"  # not looked at; the message says why
    WARNING = "warning"  # it works, but less well than it could
    ERROR = "error"  # events are lost, or the wrong address could be banned


@dataclass(frozen=True)
class Finding:
    """
    One thing that was looked at.

    `name` is for programs and stays as it is, `hint` says what to do and is empty where there is nothing to do.
    """

    name: str
    level: Level
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Chapter:
    """The findings about one thing, e.g. the log files."""

    title: str
    findings: tuple[Finding, ...]


def ok(name: str, message: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(name, Level.OK, message)


def note(name: str, message: str, hint: str = "") -> Finding:
    """Return something that is good to know."""
    return Finding(name, Level.NOTE, message, hint)


def unknown(name: str, reason: str, hint: str = "") -> Finding:
    """Return that something was not looked at, because of the reason."""
    end = "" if reason.endswith(("?", "!", ".")) else "."
    return Finding(name, Level.UNKNOWN, f"Not looked at, because {reason}{end}", hint)


def warning(name: str, message: str, hint: str) -> Finding:
    """Return that something works less well than it could."""
    return Finding(name, Level.WARNING, message, hint)


def error(name: str, message: str, hint: str) -> Finding:
    """Return that events are lost, or that the wrong address could be banned."""
    return Finding(name, Level.ERROR, message, hint)


def exit_status(chapters: Iterable[Chapter]) -> int:
    """Return 0 when there is nothing to do, 1 when there are warnings, 2 when there are errors."""
    levels = {finding.level for chapter in chapters for finding in chapter.findings}
    return 2 if Level.ERROR in levels else int(Level.WARNING in levels)
