"""Combinations of profiles, streams and ways to serve the site: all of them, and a few with every pair of choices."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from security_logging.logging_config.profiles import PROFILES

SERVERS = ("gunicorn", "uvicorn", "celery")
TRANSPORTS = ("", "udp", "tcp", "unix")
PLAIN = tuple(name for name in PROFILES if name != "syslog")


class Combination(NamedTuple):
    """What serves the site, its streams, and the profiles that it logs to."""

    server: str
    streams: str
    plain: tuple[str, ...] = ("",) * len(PLAIN)  # in the order of PLAIN, "" for one that is not used
    syslog: str = ""  # the transport, "" if syslog is not used

    @property
    def profiles(self) -> list[str]:
        """Return the profiles by name, with the transport of syslog."""
        return [*filter(None, self.plain), *([f"syslog-{self.syslog}"] if self.syslog else [])]

    def __str__(self) -> str:
        return "-".join([self.server, self.streams, *self.profiles])


def single() -> list[Combination]:
    """Return each profile alone, under gunicorn."""
    plain = [tuple(name if name == only else "" for name in PLAIN) for only in PLAIN]
    return [
        *(Combination("gunicorn", "functions", names) for names in plain),
        *(Combination("gunicorn", "functions", syslog=name) for name in TRANSPORTS if name),
    ]


def every() -> list[Combination]:
    """Return all combinations of at least one profile."""
    plain = itertools.product(*(("", name) for name in PLAIN))
    found = [Combination(*choice) for choice in itertools.product(SERVERS, ("functions", "split"), plain, TRANSPORTS)]
    return [combination for combination in found if combination.profiles]


def pairs(combination: Combination) -> set[tuple[tuple[int, str], ...]]:
    """Return each two choices that were made together."""
    choices = (combination.server, combination.streams, *combination.plain, combination.syslog)
    return set(itertools.combinations(enumerate(choices), 2))


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
