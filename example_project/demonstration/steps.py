"""What a step of the story is: it plays, and it says what it expected and what it saw."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from demonstration.stage import Stage


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `expected` and `seen` are compared as they are."""

    what: str
    expected: object
    seen: object

    @property
    def ok(self) -> bool:
        """Tell whether it was as expected."""
        return self.expected == self.seen

    def __str__(self) -> str:
        """Say it in a sentence."""
        return f"{self.what}: {show(self.seen)}" + ("" if self.ok else f", expected {show(self.expected)}")


@dataclass(frozen=True)
class Step:
    """
    One step. `play` acts on the stage and yields what it found, as it finds it.

    To add one, write such a function and put it into `story.STORY`.
    """

    name: str
    title: str
    play: Callable[[Stage], Iterator[Finding]]


@dataclass(frozen=True)
class Result:
    """How a step went; without findings it was not reached."""

    step: Step
    findings: tuple[Finding, ...] = ()
    seconds: float = 0

    @property
    def reached(self) -> bool:
        """Tell whether the step was played."""
        return bool(self.findings)

    @property
    def ok(self) -> bool:
        """Tell whether the step was played and everything was as expected."""
        return self.reached and all(finding.ok for finding in self.findings)


def perform(step: Step, stage: Stage) -> Result:
    """Play the step to its end, or to the first error, which becomes a finding."""
    stage.narrator.title(step.title)
    started = time.monotonic()
    findings: list[Finding] = []
    try:
        for finding in step.play(stage):
            findings.append(finding)
            stage.narrator.finding(str(finding), ok=finding.ok)
    except Exception as error:  # noqa: BLE001 - the summary shows the error, and the demo still cleans up
        findings.append(Finding("error", "none", f"{type(error).__name__}: {error}"))
        stage.narrator.finding(str(findings[-1]), ok=False)
    return Result(step, tuple(findings), time.monotonic() - started)


def show(value: object) -> str:
    """Return the value as a reader wants it: lists without brackets, nothing as "none"."""
    if isinstance(value, (list, tuple, set)):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
