"""
Say for each line of log files what a filter of ours counts, with Fail2ban's own code in one process.

    /usr/bin/python3 count_lines.py CONFIG_DIRECTORY < JOBS

JOBS is a JSON list of {"path": ..., "options": {"mode": ..., "key": ..., "logtype": ...}}; the answer on standard
output is a list with, for each job, a list with one entry for each line of the file: what would be banned, or null.
Fail2ban opens the file, splits the lines, finds the time and applies the filter. Runs with the system's Python, from
3.8 on, and without anything of this project.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Iterator  # noqa: UP035 - Python 3.8

FILTER = "django-security"


def read_filter(config: str, options: dict[str, str]) -> Any:
    """Return Fail2ban's filter object, as a jail with these options would have it."""
    from fail2ban.client.filterreader import FilterReader  # type: ignore[import-not-found] # the system's Python has it
    from fail2ban.server.filter import Filter  # type: ignore[import-not-found] # the system's Python has it

    found = Filter(None)
    found.checkFindTime = False
    reader = FilterReader(FILTER, "jail", options, basedir=config)
    reader.read()
    reader.getOptions({})
    setters = {"addfailregex": found.addFailRegex, "datepattern": found.setDatePattern}
    for command in reader.convert():
        values = command[3] if command[0] == "multi-set" else [command[3]]
        if command[2] in setters:
            for value in values:
                setters[command[2]](value)
    return found


def lines_of(path: str) -> Iterator[str]:
    """Yield the lines of a file as Fail2ban splits them."""
    from fail2ban.server.filter import FileContainer

    container = FileContainer(path, "utf-8")
    container.open()
    while True:
        line = container.readline()
        if not line:
            break
        yield line.rstrip("\r\n")
    container.close()


def count(config: str, path: str, options: dict[str, str]) -> list[str | None]:
    """Return for each line of the file what is counted."""
    found = read_filter(config, options)
    counted: list[str | None] = []
    for line in lines_of(path):
        if options["logtype"] == "journal":  # The journal's backend hands over time and text apart from each other.
            failures = found.processLine(("", "2026-08-01T12:00:00", line), time.time())
        else:
            failures = found.processLine(line)
        counted.append(" ".join(str(failure[1]) for failure in failures) or None)
    return counted


if __name__ == "__main__":
    answers = [count(sys.argv[1], job["path"], job["options"]) for job in json.load(sys.stdin)]
    json.dump(answers, sys.stdout)
