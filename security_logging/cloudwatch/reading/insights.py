"""Run a query of CloudWatch Logs Insights, and show its result as a table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any

from security_logging.cloudwatch.reading.tail import describe

_TIMEOUT = 60  # seconds
_POLL = 0.5  # seconds
_CELL, _LAST_CELL = 60, 120  # characters


class QueryFailed(Exception):  # noqa: N818  # its name says what happened
    """The query has no result."""


def run_query(
    logs: Any, group: str, text: str, seconds: int, *, sleep: Callable[[float], None] = time.sleep
) -> list[dict[str, str]]:
    """Return the rows of the query for the last `seconds`; raises QueryFailed."""
    now = int(time.time())
    found = logs.start_query(logGroupName=group, startTime=now - seconds, endTime=now + 60, queryString=text)
    for _ in range(int(_TIMEOUT / _POLL)):
        answer = logs.get_query_results(queryId=found["queryId"])
        if answer["status"] == "Complete":
            return [_row(cells) for cells in answer["results"]]
        if answer["status"] not in ("Scheduled", "Running"):
            raise QueryFailed(f"the query ended as {answer['status']}")
        sleep(_POLL)
    logs.stop_query(queryId=found["queryId"])
    raise QueryFailed(f"no result within {_TIMEOUT} seconds")


def table(rows: Sequence[dict[str, str]]) -> str:
    """Return the rows as a table of printable characters, so that no text of a client can control the terminal."""
    if not rows:
        return "nothing found"
    names = list(dict.fromkeys(name for row in rows for name in row))
    rooms = dict.fromkeys(names, _CELL) | dict.fromkeys(names[-1:], _LAST_CELL)
    cells = [names, *([_printable(_readable(name, row), rooms[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _row(cells: list[dict[str, str]]) -> dict[str, str]:
    return {cell["field"]: cell.get("value", "") for cell in cells if cell["field"] != "@ptr"}


def _readable(name: str, row: dict[str, str]) -> str:
    """Return a cell: an event as the console log shows it, and a time in a readable form, which moto's is not."""
    value = row.get(name, "")
    if name == "@message":
        return describe(value)
    if name == "@timestamp" and value.isdigit():
        return f"{datetime.fromtimestamp(int(value) / 1000, timezone.utc):%Y-%m-%d %H:%M:%S}"
    return value


def _printable(text: str, room: int) -> str:
    safe = "".join(character if character.isprintable() else "?" for character in text)
    return safe if len(safe) <= room else f"{safe[: room - 3]}..."
