"""Failed logins in the memory of one process."""

from __future__ import annotations

import pytest

from clock import Clock
from security_logging.watchers.failure_counts import MAX_KEYS, FailureCounts, News

HOUR = 3600.0


@pytest.fixture
def counts(clock: Clock) -> FailureCounts:
    """Return counts without any failure."""
    return FailureCounts(clock)


def test_failures_add_up(counts: FailureCounts) -> None:
    """Failures of this process and of others are counted together."""
    counts.add("alice")
    counts.learn(News("alice", 999_999.0, 3))
    assert counts.count("alice", HOUR) == 4


def test_window(counts: FailureCounts, clock: Clock) -> None:
    """A failure counts until the window has passed."""
    counts.add("alice")
    clock.now += HOUR - 1
    counts.add("alice")
    assert counts.count("alice", HOUR) == 2
    clock.now += 1
    assert counts.count("alice", HOUR) == 1


def test_login_ends_the_row(counts: FailureCounts, clock: Clock) -> None:
    """Failures before a login are forgotten, also those that another process tells of later."""
    counts.add("alice")
    clock.now += 1
    counts.end("alice")
    counts.learn(News("alice", 1_000_000.5, 2))
    clock.now += 1
    counts.add("alice")
    assert counts.count("alice", HOUR) == 1


def test_news(counts: FailureCounts) -> None:
    """What this process counts waits to be shared; what it has learned does not."""
    counts.add("alice")
    counts.learn(News("bob", 999_999.0, 1))
    counts.end("alice")
    assert [(news.key, news.count) for news in counts.news] == [("alice", 1), ("alice", 0)]


def test_memory_is_bounded(counts: FailureCounts) -> None:
    """An attacker who tries ever new names makes the oldest forgotten, and no process grow."""
    counts.add("alice")
    for number in range(MAX_KEYS):
        counts.add(str(number))
    assert (counts.count("alice", HOUR), counts.count("7", HOUR)) == (0, 1)
