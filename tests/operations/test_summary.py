"""Counting events: the counts are right where they matter, and memory is bounded."""

from __future__ import annotations

from datetime import timedelta

from security_logging.operations.summary import Summary
from written_log import START, event


def test_counts() -> None:
    """Events, addresses and users are counted, and what is not known is left out."""
    summary = Summary()
    for found in (event(ip="203.0.113.7", user="alice"), event(ip="203.0.113.7"), event("login", user="-")):
        summary.add(found)
    assert {name: dict(counter) for name, counter in summary.counters.items()} == {
        "events": {"login_failed": 2, "login": 1},
        "addresses": {"203.0.113.7": 2},
        "users": {"alice": 1},
    }


def test_times() -> None:
    """The first and the last event are known, in whatever order they come."""
    summary = Summary()
    later = START + timedelta(hours=1)
    for moment in (later, START):
        summary.add(event(time=moment))
    assert (summary.first, summary.last) == (START, later)


def test_line_that_stands_for_many() -> None:
    """A line with a count counts for all that it stands for."""
    summary = Summary()
    summary.add(event("probe", ip="203.0.113.7", count=40))
    assert (summary.total, summary.top("addresses", 1)) == (40, [("203.0.113.7", 40)])


def test_top() -> None:
    """The most frequent come first, equal ones in the order of the alphabet."""
    summary = Summary()
    for name in ("b", "c", "a", "c"):
        summary.add(event(user=name))
    assert summary.top("users", 2) == [("c", 2), ("a", 1)]


def test_bounded() -> None:
    """However many users are invented, a bounded number is kept, and the frequent one with its full count."""
    summary = Summary(capacity=10)
    for number in range(200):
        summary.add(event(user=f"user{number}"))
        summary.add(event(user="alice"))
    assert (len(summary.counters["users"]) <= 10, summary.top("users", 1)) == (True, [("alice", 200)])
