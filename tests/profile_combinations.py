"""Combinations of profiles, streams and ways to serve the site: all of them, and a few with every pair of choices."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

SERVERS = ("gunicorn", "uvicorn", "celery")
TRANSPORTS = ("", "udp", "tcp", "unix")
PLAIN = ("console", "file", "json", "cloudwatch", "journald")


class Combination(NamedTuple):
    """What the site logs to, in which streams, and what serves it; a profile that is left out is ""."""

    server: str
    streams: str
    console: str = ""
    file: str = ""
    json: str = ""
    cloudwatch: str = ""
    journald: str = ""
    syslog: str = ""  # the transport

    @property
    def profiles(self) -> list[str]:
        """Return the profiles by name, with the transport of syslog."""
        return [*filter(None, self[2:7]), *([f"syslog-{self.syslog}"] if self.syslog else [])]

    def __str__(self) -> str:
        return "-".join([self.server, self.streams, *self.profiles])


def single() -> list[Combination]:
    """Return each profile alone, under gunicorn."""
    plain = [Combination("gunicorn", "functions", **{name: name}) for name in PLAIN]
    return [*plain, *(Combination("gunicorn", "functions", syslog=name) for name in TRANSPORTS if name)]


def every() -> list[Combination]:
    """Return all combinations of at least one profile."""
    choices = [SERVERS, ("functions", "split"), *(("", name) for name in PLAIN), TRANSPORTS]
    found = [Combination(*choice) for choice in itertools.product(*choices)]
    return [combination for combination in found if combination.profiles]


def pairs(combination: Combination) -> set[tuple[tuple[int, str], ...]]:
    """Return each two choices that were made together."""
    return set(itertools.combinations(enumerate(combination), 2))


def few() -> list[Combination]:
    """Return each profile alone and as many more as it takes to see every pair of choices together."""
    chosen = single()
    missing = set().union(*map(pairs, every())).difference(*map(pairs, chosen))
    while missing:
        best = _best(every(), missing)
        chosen.append(best)
        missing -= pairs(best)
    return chosen


def _best(candidates: Sequence[Combination], missing: set[tuple[tuple[int, str], ...]]) -> Combination:
    return max(candidates, key=lambda combination: len(pairs(combination) & missing))
