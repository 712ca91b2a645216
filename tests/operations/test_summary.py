"""Counting events: the counts are right where they matter, and memory is bounded."""

from __future__ import annotations

from datetime import timedelta

import pytest

from security_logging.operations import summary as tally_module
from security_logging.operations.summary import Tally
from written_log import START, event


def test_counts() -> None:
    """Events, addresses and users are counted, and what is not known is left out."""
    tally = Tally()
    for found in (event(ip="203.0.113.7", user="alice"), event(ip="203.0.113.7"), event("login", user="-")):
        tally.add(found)
    assert {name: dict(counter) for name, counter in tally.counters.items()} == {
        "events": {"login_failed": 2, "login": 1},
        "addresses": {"203.0.113.7": 2},
        "users": {"alice": 1},
    }


def test_times() -> None:
    """The first and the last event are known, in whatever order they come."""
    tally = Tally()
    later = START + timedelta(hours=1)
    for moment in (later, START):
        tally.add(event(time=moment))
    assert (tally.first, tally.last) == (START, later)


def test_line_that_stands_for_many() -> None:
    """A line with a count counts for all that it stands for."""
    tally = Tally()
    tally.add(event("probe", ip="203.0.113.7", count=40))
    assert (tally.total, tally.top("addresses", 1)) == (40, [("203.0.113.7", 40)])


def test_top() -> None:
    """The most frequent come first, equal ones in the order of the alphabet."""
    tally = Tally()
    for name in ("b", "c", "a", "c"):
        tally.add(event(user=name))
    assert tally.top("users", 2) == [("c", 2), ("a", 1)]


def test_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many users are invented, a bounded number is kept, and the frequent one with its full count."""
    monkeypatch.setattr(tally_module, "CAPACITY", 10)
    tally = Tally()
    for number in range(200):
        tally.add(event(user=f"user{number}"))
        tally.add(event(user="alice"))
    assert (len(tally.counters["users"]) <= 10, tally.top("users", 1)) == (True, [("alice", 200)])
