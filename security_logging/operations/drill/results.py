"""What came out of a drill: for each step what was expected, what was seen, and how long it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PASSED, FAILED, SKIPPED, NOT_REACHED = "passed", "failed", "skipped", "not reached"


class Skipped(Exception):  # noqa: N818 (it is no error: there is nothing to look at)
    """A step cannot be performed here; the message says why."""


class Stopped(Exception):  # noqa: N818 (the drill does the right thing)
    """To go on could do harm or proves nothing; the message says why."""


@dataclass(frozen=True)
class Evidence:
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


def show(value: object) -> str:
    """Return the value as a reader wants it: lists without brackets, an empty one as "none", yes and no."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Result:
    """How a step went; `reason` says why it was skipped or stopped."""

    name: str
    title: str
    state: str
    seconds: float = 0.0
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """A whole drill; `times` are the measured seconds, `targets` those that were allowed."""

    drill_id: str
    mode: str
    started: str
    addresses: Sequence[str]
    results: Sequence[Result]
    times: Mapping[str, float] = field(default_factory=dict)
    targets: Mapping[str, float] = field(default_factory=dict)

    def status(self, *, strict: bool = False) -> int:
        """Return the exit status: 0 passed, 1 a step failed (or, if strict, was skipped), 2 it could not begin."""
        states = {result.name: result.state for result in self.results}
        if states.get("preflight") == FAILED:
            return 2
        bad = {FAILED, NOT_REACHED} | ({SKIPPED} if strict else set())
        return int(bool(bad & set(states.values())))
