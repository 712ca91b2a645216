"""Sharing failed logins between the processes of a site, through Django's cache and away from every request."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.core.cache import cache, caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.db import close_old_connections

from security_logging.conf import conf
from security_logging.internal.errors import guarded, report
from security_logging.watchers.failure_counts import FailureCounts, News

INTERVAL = 0.5  # seconds between two looks into the cache
_LONGEST_PAUSE = 60.0  # seconds, while the cache fails
_PREFIX = "security_logging.failures."
_HEAD = f"{_PREFIX}head"
_AROUND = 8  # entries that are asked for before and beyond the last known one
_HISTORY = 1_000  # entries that a process reads which has just started
_NEWS_LIMIT = 1_000  # failures of one entry
_TRIES = 100  # places at the end of the list that other processes may take while we look for ours


# The process, the number of the entry among its own, and the failures as News.
_Entry = tuple[str, int, list[tuple[str, float, int]]]


@dataclass(frozen=True)
class _Written:
    """An entry that this process has written, with the name of its list."""

    list_name: str
    key: str
    entry: _Entry


class SharedFailures:
    """
    A list in the cache to which each process appends what it has counted, and which each process reads.

    Entry n has a key of its own and is written with `cache.add`, so that no two processes take the same place; the head
    says roughly how long the list is. A cache that was emptied begins a new list, with another random name in the head.

    `cache.add` of Django's FileBasedCache is not atomic: two processes may both take a place or begin a list. So each
    process looks again, at its next exchange, whether what it wrote is still there, and reads the last places again.
    """

    def __init__(self, counts: FailureCounts) -> None:
        """Share these counts; nothing is started."""
        self._counts = counts
        self.forget()

    def forget(self) -> None:
        """Begin anew, as in a process that has just been forked: what its parent counted, its parent shares."""
        self._process = uuid.uuid4().hex
        self._thread: threading.Thread | None = None
        self._list, self._position = "", 0
        self._written: _Written | None = None
        self._serial = 0  # of the last entry of this process
        self._learned: deque[tuple[str, int]] = deque(maxlen=_HISTORY)
        self._counts.clear()

    @guarded("prior_failures")
    def start(self) -> None:
        """Start the thread of this process, where failures are counted and the cache is one that processes share."""
        if self._thread is None and conf.PRIOR_FAILURES_WINDOW and is_shared():
            self._thread = threading.Thread(target=self._run, name="security-logging-failures", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        pause, process = INTERVAL, os.getpid()
        while conf.PRIOR_FAILURES_WINDOW and process == os.getpid():
            try:
                close_old_connections()  # a DatabaseCache uses a connection of this thread's own
                self.exchange(conf.PRIOR_FAILURES_WINDOW)
                pause = INTERVAL
            except Exception:  # noqa: BLE001 (each backend raises errors of its own)
                report("prior_failures")
                pause = min(2 * pause, _LONGEST_PAUSE)
            time.sleep(pause)
        self._thread = None

    def exchange(self, window: int) -> None:
        """Read what other processes have counted, and write what this one has; raises what the cache raises."""
        self._read(cache.get_many([_HEAD, *self._keys(self._first, self._position + _AROUND)]))
        self._look_again(window)
        news = list(islice(self._counts.news, _NEWS_LIMIT))
        if news and self._written is None:
            self._write(news, window)
            for _ in news:
                self._counts.news.popleft()

    def _read(self, found: dict[str, Any]) -> None:
        name, length = found.get(_HEAD) or ("", 0)
        if name != self._list:
            self._list, self._position = name, max(0, length - _HISTORY)
            found = {}
        if not name:
            return
        first, last = self._first, max(length, self._position) + _AROUND
        if length > self._position or not found:
            found = cache.get_many(self._keys(first, last))
        for number, key in enumerate(self._keys(first, last), first):
            if key in found:
                self._learn(found[key])
                self._position = max(number, self._position)
        self._position = max(self._position, length)  # what is missing has expired

    @property
    def _first(self) -> int:
        return max(1, self._position + 1 - _AROUND)

    def _write(self, news: list[News], window: int) -> None:
        self._serial += 1
        self._put((self._process, self._serial, [(one.key, one.time, one.count) for one in news]), window)

    def _put(self, entry: _Entry, window: int) -> None:
        """Append the entry to the list."""
        if not self._list:
            cache.add(_HEAD, (uuid.uuid4().hex[:12], 0), 2 * window)
            self._read(cache.get_many([_HEAD]))
        for number in range(self._position + 1, self._position + 1 + _TRIES):
            (key,) = self._keys(number, number)
            if cache.add(key, entry, window):
                self._position = number
                self._written = _Written(self._list, key, entry)
                cache.set(_HEAD, (self._list, number), 2 * window)
                return
            self._learn(cache.get(key))
            self._position = number
        raise TimeoutError(f"{_TRIES} places in the cache were taken by others")

    def _look_again(self, window: int) -> None:
        """Share again what was written last, if another process has replaced it or the list that it was in."""
        written = self._written
        if written is None:
            return
        found = cache.get(written.key)
        if written.list_name == self._list and found == written.entry:
            self._written = None
            return
        self._learn(found)
        self._put(written.entry, window)

    def _learn(self, entry: _Entry | None) -> None:
        """Take what another process has counted, once: it may have shared it again after others had read it."""
        if entry is None or entry[0] == self._process or entry[:2] in self._learned:
            return
        self._learned.append(entry[:2])
        for one in entry[2]:
            self._counts.learn(News(*one))

    def _keys(self, first: int, last: int) -> list[str]:
        return [f"{_PREFIX}{self._list}.{number}" for number in range(first, last + 1)]


def is_shared() -> bool:
    """Return whether Django's default cache is one that several processes see."""
    return not isinstance(caches["default"], (DummyCache, LocMemCache))
