"""The report of a drill: Markdown for people and auditors, JSON for programs."""

from __future__ import annotations

import json
from dataclasses import asdict

from security_logging.formatters.record_text import visible
from security_logging.operations.drill.results import Outcome, Result

_VERDICTS = {0: "passed", 1: "FAILED", 2: "passed as far as it could be performed"}
_TIMES = {"log": "time to log", "detect": "time to detect", "ban": "time to ban", "alert": "time to alert"}


def as_markdown(outcome: Outcome, *, strict: bool = False) -> str:
    """Return the report: the verdict, the times against their targets, the steps, and the evidence of each."""
    lines = [
        f"# Incident drill {outcome.drill_id}: {_verdict(outcome.status(strict=strict), outcome)}",
        "",
        f"Started {outcome.started}, {outcome.mode}.",
        f"Addresses: {', '.join(outcome.addresses)} (RFC 5737, RFC 3849: reserved for documentation).",
        "",
        *_times(outcome),
        "| step | result | seconds |",
        "| --- | --- | --- |",
        *(f"| {result.title} | {result.state} | {result.seconds:.2f} |" for result in outcome.results),
    ]
    for result in outcome.results:
        lines += _evidence(result)
    return "\n".join(lines) + "\n"


def as_json(outcome: Outcome, *, strict: bool = False) -> str:
    """Return the same as one JSON object."""
    found = asdict(outcome) | {"status": outcome.status(strict=strict)}
    return json.dumps(found, indent=2, default=str)


def _verdict(status: int, outcome: Outcome) -> str:
    return _VERDICTS[status] if outcome.has_begun else "could not begin"


def _times(outcome: Outcome) -> list[str]:
    if not outcome.times:
        return []
    lines = ["| measured | seconds | target |", "| --- | --- | --- |"]
    for name, label in _TIMES.items():
        if name in outcome.times:
            lines.append(f"| {label} | {outcome.times[name]:.3f} | {outcome.targets[name]:g} |")
    return [*lines, ""]


def _evidence(result: Result) -> list[str]:
    lines = ["", f"## {result.title}: {result.state}", ""]
    if result.reason:
        lines += [f"{visible(result.reason)}.", *([""] if result.evidence else [])]
    lines += [f"- [{'x' if item.ok else ' '}] {visible(str(item))}" for item in result.evidence]
    return lines if result.reason or result.evidence else []
