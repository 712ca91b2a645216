"""Failed logins of the last hour or so, by user and by address, in the memory of this process."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_KEYS = 20_000  # users and addresses that one process remembers, about 5 MB; the first that came goes first
_MAX_TIMES = 4_096  # entries of one user or address
_MAX_NEWS = 10_000  # entries that wait to be shared; while the cache is away the oldest are dropped


@dataclass(frozen=True)
class News:
    """
    Something that other processes have to know.

    `count` failures of `key` at `time`, in seconds since 1970; 0: a login has ended the row of failures before it.
    """

    key: str
    time: float
    count: int


class FailureCounts:
    """
    The failures that this process knows: its own at once, those of other processes as they are shared.

    There is no lock, since a login must not wait for one: each step is one operation of a dict, list or deque. Two
    threads that count the same key in the same moment may lose a failure.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Start with nothing; `clock` gives seconds since 1970, because several machines may share their counts."""
        self._clock = clock
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._times: dict[str, list[tuple[float, int]]] = {}
        self._ended: dict[str, float] = {}
        self.news: deque[News] = deque(maxlen=_MAX_NEWS)

    def add(self, key: str) -> None:
        """Count a failure of this process."""
        news = News(key, self._clock(), 1)
        self.learn(news)
        self.news.append(news)

    def end(self, key: str) -> None:
        """Note that a login of this process has ended the row of failures."""
        news = News(key, self._clock(), 0)
        self.learn(news)
        self.news.append(news)

    def learn(self, news: News) -> None:
        """Take what this process or another has counted."""
        if not news.count:
            self._ended[news.key] = max(news.time, self._ended.get(news.key, 0.0))
            _shrink(self._ended)
            return
        times = self._times.setdefault(news.key, [])
        if times and int(times[-1][0]) == int(news.time):
            times[-1] = (news.time, times[-1][1] + news.count)
        else:
            times.append((news.time, news.count))
        del times[: -_MAX_TIMES or None]
        _shrink(self._times)

    def count(self, key: str, window: float) -> int:
        """Return how many failures of the key there were in the last `window` seconds and since its last login."""
        since = max(self._clock() - window, self._ended.get(key, 0.0))
        return sum(count for moment, count in list(self._times.get(key, ())) if moment > since)


def _shrink(entries: dict[str, Any]) -> None:
    while len(entries) > MAX_KEYS:
        entries.pop(next(iter(entries)), None)
