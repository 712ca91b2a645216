"""How many lines a second Fail2ban reads with our filter, beside one plain expression and its own filters."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle, islice, pairwise
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.table import Table, spread
from scripts.samples import sample
from security_logging.events import ecs
from security_logging.events.event import SecurityEvent
from security_logging.events.line import render, render_message
from security_logging.events.type_registry import MODES
from security_logging.events.types import LOGIN_FAILED, PROBE

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3"
STOCK = ("nginx-http-auth", "apache-auth", "sshd", "drupal-auth")
SAMPLES = Path("/usr/lib/python3/dist-packages/fail2ban/tests/files/logs")
LINES = 4000
ROUNDS = 12
SINGLE = "one anchored expression"
# The least that a filter of this log can be: one expression, the same date.
SINGLE_FILTER = r"""[Definition]
failregex = ^ django-security\[\d+\]: login_failed ip=<ADDR>\s
ignoreregex =
datepattern = ^%%Y-%%m-%%dT%%H:%%M:%%S(?:\.\d+)?%%z
"""
# How each logtype carries an event; the journal hands over the time beside it.
LOG_TYPES: dict[str, Callable[[SecurityEvent], str | list[str]]] = {
    "file": render,
    "short": lambda event: f"Aug  1 14:00:00 web1 django-security[412]: {render_message(event)}",
    "journal": lambda event: ["2026-08-01T12:00:00", f"web1 django-security[412]: {render_message(event)}"],
    "docker": lambda event: json.dumps(
        {"log": render(event) + "\n", "stream": "stderr", "time": "2026-08-01T12:00:00.123456789Z"},
        separators=(",", ":"),
    ),
    "json": ecs.render_json,
}


def tables() -> Iterator[Table]:
    """Measure and yield the table."""
    if not SAMPLES.is_dir():
        yield Table("Fail2ban, lines a second", ["filter"], [[f"not measured: {SAMPLES} is not here"]])
        return
    found = measure()
    fastest = max(STOCK, key=lambda name: median(found[name]["speed"]))
    rows = []
    for title, result in found.items():
        compared = [_ratios(result, found[other]) for other in (SINGLE, fastest)]
        columns = [text for ratios in compared for text in (f"{median(ratios):.2f}", spread(ratios))]
        share = result["failures"] / result["lines"]
        rows.append([title, f"{median(result['speed']):.0f}", *columns, f"{share:.0%}"])
    yield Table(
        "Fail2ban, lines a second of CPU time",
        ["filter", "median", "to one expression", "10 % to 90 %", f"to {fastest}", "10 % to 90 %", "lines that count"],
        rows,
    )


def measure() -> dict[str, Any]:
    """Return for each filter its speed in each round, all of them in turn in one process."""
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "filter.d").mkdir()
        (Path(directory) / "filter.d" / "single.conf").write_text(SINGLE_FILTER)
        lines = [render(sample(LOGIN_FAILED))] * LINES
        single = {"title": SINGLE, "name": "single", "directory": directory, "options": {}, "lines": lines}
        ours = [_ours(mode, logtype) for logtype in LOG_TYPES for mode in MODES]
        process = subprocess.run(
            [PYTHON, str(ROOT / "benchmarks" / "filter_worker.py"), str(ROUNDS)],
            input=json.dumps([single, *map(_stock, STOCK), *ours]), capture_output=True, text=True, check=True,
        )  # fmt: skip
    found: dict[str, Any] = json.loads(process.stdout)
    return found


def _ratios(one: dict[str, Any], other: dict[str, Any]) -> list[float]:
    return [own / others for own, others in zip(one["speed"], other["speed"], strict=True)]


def _stock(name: str) -> dict[str, object]:
    text = (SAMPLES / name).read_text(encoding="utf-8", errors="replace").split("\n")
    failures = [line for previous, line in pairwise(text) if '"match": true' in previous and line[:1] != "#"]
    lines = list(islice(cycle(failures), LINES))
    return {"title": name, "name": name, "directory": "/etc/fail2ban", "options": {}, "lines": lines}


def _ours(mode: str, logtype: str) -> dict[str, object]:
    event = sample(PROBE if mode == "probe" else LOGIN_FAILED)
    line = LOG_TYPES[logtype](replace(event, fields={**event.fields, "surface": MODES[mode][1] or "site"}))
    return {
        "title": f"ours, {logtype}, {mode}",
        "name": "django-security",
        "directory": str(ROOT / "fail2ban"),
        "options": {"logtype": logtype, "mode": mode},
        "lines": [line] * LINES,
    }
