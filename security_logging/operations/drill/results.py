"""The results of a drill: for each step what was expected, what was seen, and how long it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from security_logging.checks.problem import Level, exit_status

PASSED, FAILED, SKIPPED, NOT_REACHED = "passed", "failed", "skipped", "not reached"


class Skipped(Exception):  # noqa: N818 (it is not an error)
    """A step cannot be performed here; the message says why."""


class NotRequested(Skipped):
    """A step is performed only on request; the message says with which option."""


class Stopped(Exception):  # noqa: N818 (it is not an error)
    """The drill could do harm if it went on, or could not prove anything; the message says why."""


@dataclass(frozen=True)
class Evidence:
    """One thing that was checked: `seen` must equal `expected`."""

    what: str
    expected: object
    seen: object

    @property
    def ok(self) -> bool:
        """Return whether it was as expected."""
        return self.expected == self.seen

    def __str__(self) -> str:
        """Return it as a line of the report."""
        return f"{self.what}: {show(self.seen)}" + ("" if self.ok else f", expected {show(self.expected)}")


def show(value: object) -> str:
    """Return the value as the report shows it: a list without brackets, an empty one as "none", a bool as yes or no."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Result:
    """How a step went; `reason` says why it was skipped or stopped, `is_requested` is False for NotRequested."""

    name: str
    title: str
    state: str
    seconds: float = 0.0
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""
    is_requested: bool = True

    @property
    def level(self) -> Level:
        """Unknown when the step could not be performed, note when it was not requested."""
        skipped = Level.UNKNOWN if self.is_requested else Level.NOTE
        return {PASSED: Level.OK, SKIPPED: skipped}.get(self.state, Level.ERROR)


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
        """Return 2 when the drill could not begin, else the exit status of its levels; `strict` forbids a skip."""
        if not self.has_begun:
            return 2
        return exit_status(Level.ERROR if strict and each.state == SKIPPED else each.level for each in self.results)

    @property
    def has_begun(self) -> bool:
        """Whether the preflight allowed the attack."""
        return all(each.state != FAILED for each in self.results if each.name == "preflight")
