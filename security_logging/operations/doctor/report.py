"""The doctor's report: one screen of text, or JSON; and the log inventory as a table or JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Sequence

from security_logging.checks.problem import Level, exit_status, worst
from security_logging.formatters.record_text import visible
from security_logging.operations.doctor.chapters import Chapter, levels
from security_logging.operations.doctor.inventory import Row

_COLORS = {Level.OK: "32", Level.NOTE: "36", Level.UNKNOWN: "36", Level.WARNING: "33", Level.ERROR: "31"}  # ANSI codes
_VERDICTS = {
    Level.OK: "Everything works.",
    Level.NOTE: "Everything works.",
    Level.UNKNOWN: "No problem was found, but some things could not be checked (??).",
    Level.WARNING: "Logging works; the warnings (!!) say what to improve.",
    Level.ERROR: "Events are lost, attackers are not banned, or the wrong address could be: see the errors (XX).",
}
_COLUMNS = ("event", "sink", "place", "format", "use", "counted", "access", "retention")

_INDENT = "\n     "

Paint = Callable[[str, str], str]  # of a colour's ANSI code and a text


def as_text(chapters: Sequence[Chapter], paint: Paint, width: int = 0) -> str:
    """
    Return the chapters, with each message on a line of its own and its fix below it.

    `width` is that of the terminal, 0 for none: messages are wrapped to it. A fix is not, so that you can copy a
    command in it.
    """
    lines: list[str] = []
    for chapter in chapters:
        lines.append(paint("1", chapter.title))
        for problem in chapter.problems:
            message = _INDENT.join(_wrapped(visible(problem.message), width))
            lines.append(f"  {paint(_COLORS[problem.level], problem.level.mark)} {message}")
            if problem.fix:
                lines.append(f"{_INDENT[1:]}{paint('2', visible(problem.fix))}")
    return "\n".join([*lines, "", _VERDICTS[worst(levels(chapters))]])


def _wrapped(message: str, width: int) -> list[str]:
    room = width - len(_INDENT)
    return textwrap.wrap(message, room, break_long_words=False, break_on_hyphens=False) if room > 0 else [message]


def as_json(chapters: Sequence[Chapter]) -> str:
    """Return the problems and the exit status as one JSON object."""
    found = [
        {"chapter": chapter.title, "name": p.id, "level": p.level.value, "message": p.message, "hint": p.fix}
        for chapter in chapters
        for p in chapter.problems
    ]
    return json.dumps({"status": exit_status(levels(chapters)), "findings": found}, indent=2)


def inventory_as_text(rows: Sequence[Row]) -> str:
    """Return the log inventory as a table in Markdown, which an auditor can keep."""
    cells = [list(_COLUMNS), *([str(getattr(row, name)) for name in _COLUMNS] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [f"| {' | '.join(map(str.ljust, line, widths))} |" for line in cells]
    return "\n".join([lines[0], f"| {' | '.join('-' * width for width in widths)} |", *lines[1:]])


def inventory_as_json(rows: Sequence[Row]) -> str:
    """Return the log inventory as a JSON list, with a row for each event type in each sink."""
    return json.dumps([row.as_dict() for row in rows], indent=2)
