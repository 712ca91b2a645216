"""The one form of what the checks, the doctor and the other instruments find."""

from __future__ import annotations

import pytest

from security_logging.checks.problem import Level, exit_status, worst


@pytest.mark.parametrize(
    ("levels", "status"),
    [
        ([], 0),
        ([Level.OK, Level.NOTE], 0),
        ([Level.OK, Level.UNKNOWN], 2),
        ([Level.UNKNOWN, Level.WARNING], 1),
        ([Level.WARNING, Level.ERROR], 1),
        ([Level.UNKNOWN, Level.ERROR, Level.OK], 1),
    ],
)
def test_exit_status(levels: list[Level], status: int) -> None:
    """It is 1 with a warning or an error, else 2 with something unknown, else 0."""
    assert exit_status(levels) == status


def test_worst() -> None:
    """The worst level is the one that the verdict is about; without any there is nothing wrong."""
    assert (worst([Level.NOTE, Level.UNKNOWN, Level.OK]), worst([])) == (Level.UNKNOWN, Level.OK)


def test_marks() -> None:
    """Each level has a mark of its own, two characters wide, so that messages stand in a column."""
    marks = {level.mark for level in Level}
    assert (len(marks), {len(mark) for mark in marks}) == (len(Level), {2})
