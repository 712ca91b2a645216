"""The summary of a run: a table for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from demonstration.narrator import BOLD, DIM, GREEN, RED, Narrator
from demonstration.stage import Stage
from demonstration.steps import Result, show


@dataclass(frozen=True)
class Report:
    """How a run went."""

    results: Sequence[Result]
    interrupted: bool
    processes: dict[str, int]
    run_directory: str

    @property
    def seconds(self) -> float:
        """Return how long the steps took, without what came between them."""
        return sum(result.seconds for result in self.results)

    @property
    def ok(self) -> bool:
        """Tell whether each step really happened."""
        return not self.interrupted and all(result.ok for result in self.results)

    @property
    def exit_status(self) -> int:
        """Return 0 if all steps passed, 1 if not, and 130, as a shell does, if the demo was interrupted."""
        return 130 if self.interrupted else int(not self.ok)

    def as_json(self) -> str:
        """Return the summary as JSON."""
        summary = {
            "ok": self.ok,
            "interrupted": self.interrupted,
            "seconds": round(self.seconds, 2),
            "processes": self.processes,
            "run_directory": self.run_directory,
            "steps": [_as_dict(result) for result in self.results],
        }
        return json.dumps(summary, indent=2)

    def tell(self, narrator: Narrator) -> None:
        """Write the table, and a last word."""
        narrator.title("Summary")
        rows = [row for number, result in enumerate(self.results, 1) for row in _rows(number, result, narrator)]
        widths = _widths(rows, narrator.width - 2)
        narrator.write("  " + narrator.paint(DIM, _line(_HEAD, widths)))
        for row in rows:
            code = RED if row[-1] == narrator.marks[1] else DIM if row[0].startswith(" ") else BOLD
            narrator.write("  " + narrator.paint(code, _line(row, widths)))
        narrator.write()
        narrator.write(self._last_word(narrator))

    def _last_word(self, narrator: Narrator) -> str:
        time = f"{self.seconds:.1f} s"
        if self.interrupted:
            return narrator.paint(BOLD, f"Interrupted after {time}; everything is cleaned up.")
        if self.ok:
            return narrator.paint(GREEN, f"All {len(self.results)} steps happened as expected, in {time}.")
        return narrator.paint(RED, f"Not everything happened as expected ({time}); see above.")


_HEAD = ("step", "expected", "seen", "time", "ok")


def make_report(results: Sequence[Result], stage: Stage, *, interrupted: bool) -> Report:
    """Return the report of a run on that stage."""
    processes = {server.name: server.pid for server in stage.servers}
    run_directory = str(stage.run.path) if stage.run else ""
    return Report(results, interrupted, processes, run_directory)


def _as_dict(result: Result) -> dict[str, object]:
    findings = [
        {"what": each.what, "expected": show(each.expected), "seen": show(each.seen), "ok": each.ok}
        for each in result.findings
    ]
    step = result.step
    return {
        "name": step.name,
        "title": step.title,
        "ok": result.ok,
        "reached": result.reached,
        "seconds": round(result.seconds, 2),
        "findings": findings,
    }


def _rows(number: int, result: Result, narrator: Narrator) -> list[tuple[str, ...]]:
    """Return a row for the step and one for each of its findings."""
    good, bad, _bar = narrator.marks
    reached = f"{result.seconds:.1f} s" if result.reached else "not reached"
    return [
        (f"{number} {result.step.title}", "", "", reached, good if result.ok else bad),
        *(
            (f"    {each.what}", show(each.expected), show(each.seen), "", good if each.ok else bad)
            for each in result.findings
        ),
    ]


def _widths(rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """Return the widths of the columns; what was expected and what was seen share the room that is left."""
    widths = [max(len(row[column]) for row in [_HEAD, *rows]) for column in range(len(_HEAD))]
    left = room - widths[0] - widths[3] - widths[4] - 2 * (len(_HEAD) - 1)
    widths[1], widths[2] = (max(8, min(width, left // 2)) for width in widths[1:3])
    return widths


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell if len(cell) <= width else f"{cell[: width - 2]}.." for cell, width in zip(row, widths, strict=True)]
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
