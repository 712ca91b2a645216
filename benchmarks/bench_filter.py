"""How many lines a second Fail2ban reads with our filter, beside its own filters on their own sample lines."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from itertools import cycle, islice, pairwise
from pathlib import Path
from statistics import median

from benchmarks.table import Table, spread
from scripts.tables import sample
from security_logging import ecs, line_format
from security_logging.event_types import LOGIN_FAILED

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3"
STOCK = ("nginx-http-auth", "sshd", "drupal-auth")
SAMPLES = Path("/usr/lib/python3/dist-packages/fail2ban/tests/files/logs")
LINES = 4000
ROUNDS = 12


def tables() -> Iterator[Table]:
    """Measure and yield the table."""
    if not SAMPLES.is_dir():
        yield Table("Fail2ban, lines a second", ["filter"], [[f"not measured: {SAMPLES} is not here"]])
        return
    tasks = [*(_stock(name) for name in STOCK), _ours("text", {}), _ours("JSON", {"logtype": "json"})]
    process = subprocess.run(
        [PYTHON, str(ROOT / "benchmarks" / "filter_worker.py"), str(ROUNDS)],
        input=json.dumps(tasks), capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(process.stdout)
    fastest = max(median(found[name]["speed"]) for name in STOCK)
    best = next(name for name in STOCK if median(found[name]["speed"]) == fastest)
    rows = []
    for title, result in found.items():
        ratios = [own / other for own, other in zip(result["speed"], found[best]["speed"], strict=True)]
        share = result["failures"] / result["lines"]
        rows.append([title, f"{median(result['speed']):.0f}", f"{median(ratios):.2f}", spread(ratios), f"{share:.0%}"])
    yield Table(
        f"Fail2ban, lines a second of CPU time (ratio to the fastest stock filter, {best})",
        ["filter", "median", "ratio", "10 % to 90 %", "lines that count"],
        rows,
    )


def _stock(name: str) -> dict[str, object]:
    text = (SAMPLES / name).read_text(encoding="utf-8", errors="replace").split("\n")
    failures = [line for previous, line in pairwise(text) if '"match": true' in previous and line[:1] != "#"]
    lines = list(islice(cycle(failures), LINES))
    return {"title": name, "name": name, "directory": "/etc/fail2ban", "options": {}, "lines": lines}


def _ours(form: str, options: dict[str, str]) -> dict[str, object]:
    event = sample(LOGIN_FAILED)
    line = ecs.render_json(event) if options else line_format.render(event)
    lines = [line] * LINES
    directory = str(ROOT / "fail2ban")
    return {"title": f"ours, {form}", "name": "django-security", "directory": directory, "options": options,
            "lines": lines}  # fmt: skip
