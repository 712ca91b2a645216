"""
Measure Fail2ban filters in one process, interleaved; run by the interpreter that Fail2ban is installed for.

    /usr/bin/python3 filter_worker.py ROUNDS < TASKS

TASKS is [{"title": ..., "name": ..., "directory": ..., "options": {...}, "lines": [...]}, ...] in JSON.

The journal hands over time and text apart from each other: such lines are lists of two.

Prints the lines per second of CPU time of each filter in each round as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

FAIL2BAN = os.environ.get("FAIL2BAN_PYTHON_PATH", "/usr/lib/python3/dist-packages")
sys.path.insert(0, FAIL2BAN)

from fail2ban.client.filterreader import FilterReader  # type: ignore[import-not-found]  # noqa: E402
from fail2ban.server.filter import Filter  # type: ignore[import-not-found]  # noqa: E402


def load(task: dict[str, Any]) -> Any:
    """Return Fail2ban's filter object for the filter file."""
    reader = FilterReader(task["name"], "jail", task["options"], basedir=task["directory"])
    reader.read()
    reader.getOptions({})
    found = Filter(None)
    found.checkFindTime = False
    for verb, _, option, *values in reader.convert():
        for value in values[0] if verb == "multi-set" else values:
            apply(found, option, value)
    return found


def apply(found: Any, option: str, value: str) -> None:
    """Hand one option of the filter file over."""
    if option == "addfailregex":
        found.addFailRegex(value)
    elif option == "prefregex":
        found.prefRegex = value
    elif option == "datepattern":
        found.setDatePattern(value)
    elif option == "maxlines":
        found.setMaxLines(int(value))


def measure(found: Any, lines: list[str] | list[list[str]]) -> tuple[float, int]:
    """Return the lines per second of CPU time, and how many of them were failures."""
    now = time.time()
    started = time.process_time()
    failures = sum(
        1
        for line in lines
        if (found.processLine(line) if isinstance(line, str) else found.processLine(("", *line), now))
    )
    return len(lines) / (time.process_time() - started), failures


def main() -> None:
    """Measure every filter in every round."""
    tasks = json.load(sys.stdin)
    filters = [(task["title"], load(task), task["lines"]) for task in tasks]
    results: dict[str, dict[str, Any]] = {
        title: {"speed": [], "failures": 0, "lines": len(lines)} for title, _, lines in filters
    }
    for _ in range(int(sys.argv[1])):
        for title, found, lines in filters:
            speed, results[title]["failures"] = measure(found, lines)
            results[title]["speed"].append(speed)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
