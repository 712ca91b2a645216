"""The report of an incident drill, as far as the demo shows it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DrillReport:
    """What a drill wrote: its summary in Markdown, its exit status, and the state of each step by its name."""

    summary: list[str]
    status: int
    states: dict[str, str]

    @property
    def passed(self) -> list[str]:
        """The steps that passed."""
        return [name for name, state in self.states.items() if state == "passed"]

    @property
    def skipped(self) -> list[str]:
        """The steps for which there was nothing to look at."""
        return [name for name, state in self.states.items() if state == "skipped"]

    @property
    def failed(self) -> list[str]:
        """The steps that failed or were not reached."""
        return [name for name in self.states if name not in (*self.passed, *self.skipped)]


def read_report(path: Path) -> DrillReport:
    """Read both forms of the report, which have the same name but for the suffix."""
    summary = path.with_suffix(".md").read_text(encoding="utf-8").partition("\n## ")[0].splitlines()
    found = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return DrillReport(summary, found["status"], {result["name"]: result["state"] for result in found["results"]})
