"""The doctor's words: one screen of text, or JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Sequence

from security_logging.formatters.records import visible
from security_logging.operations.doctor.findings import Chapter, Level, exit_status
from security_logging.operations.doctor.inventory import Row

_MARKS = {Level.OK: ("32", "ok"), Level.NOTE: ("36", "--"), Level.UNKNOWN: ("36", "??"), Level.WARNING: ("33", "!!"),
          Level.ERROR: ("31", "XX")}  # fmt: skip
_VERDICTS = (
    "Everything is wired.",
    "It works; the warnings (!!) say what could be better.",
    "Events are lost, or the wrong address could be banned: see the errors (XX).",
)
_COLUMNS = ("event", "sink", "place", "format", "use", "counted", "access", "retention")

_INDENT = "\n     "

Paint = Callable[[str, str], str]  # of a colour's ANSI code and a text


def as_text(chapters: Sequence[Chapter], paint: Paint, width: int = 0) -> str:
    """
    Return the findings by chapter, each on a line, with what to do below it.

    `width` is that of the terminal, 0 for none: messages are wrapped to it. What to do is not, so that a command in it
    can be copied.
    """
    lines: list[str] = []
    for chapter in chapters:
        lines.append(paint("1", chapter.title))
        for finding in chapter.findings:
            code, mark = _MARKS[finding.level]
            message = visible(finding.message)
            lines.append(f"  {paint(code, mark)} {_INDENT.join(_wrapped(message, width))}")
            if finding.hint:
                lines.append(f"{_INDENT[1:]}{paint('2', visible(finding.hint))}")
    return "\n".join([*lines, "", _VERDICTS[exit_status(chapters)]])


def _wrapped(message: str, width: int) -> list[str]:
    room = width - len(_INDENT)
    return textwrap.wrap(message, room, break_long_words=False, break_on_hyphens=False) if room > 0 else [message]


def as_json(chapters: Sequence[Chapter]) -> str:
    """Return the findings, and the exit status, as one JSON object."""
    found = [
        {"chapter": chapter.title, "name": f.name, "level": f.level.value, "message": f.message, "hint": f.hint}
        for chapter in chapters
        for f in chapter.findings
    ]
    return json.dumps({"status": exit_status(chapters), "findings": found}, indent=2)


def inventory_as_text(rows: Sequence[Row]) -> str:
    """Return the inventory as a table in Markdown, which an auditor can keep."""
    cells = [list(_COLUMNS), *([str(getattr(row, name)) for name in _COLUMNS] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [f"| {' | '.join(map(str.ljust, line, widths))} |" for line in cells]
    return "\n".join([lines[0], f"| {' | '.join('-' * width for width in widths)} |", *lines[1:]])


def inventory_as_json(rows: Sequence[Row]) -> str:
    """Return the inventory as a JSON list, a row for each event type in each sink."""
    return json.dumps([row.as_dict() for row in rows], indent=2)
