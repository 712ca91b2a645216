"""Sharing of failed logins where two processes write to a file-based cache in the same moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.cache.backends.filebased import FileBasedCache

from security_logging.watchers.failure_counts import FailureCounts
from security_logging.watchers.shared_failures import SharedFailures

WINDOW = 600


class Process:
    """What a process of the site knows."""

    def __init__(self) -> None:
        self.counts = FailureCounts()
        self.sharing = SharedFailures(self.counts)

    def fail(self, key: str) -> None:
        """Count a failure."""
        self.counts.add(key)

    def exchange(self) -> None:
        """Read and write as the thread does twice a second."""
        self.sharing.exchange(WINDOW)

    def knows(self, *keys: str) -> list[int]:
        """Return how many failures of these keys it knows."""
        return [self.counts.count(key, WINDOW) for key in keys]


@pytest.fixture(autouse=True)
def _cache(settings: Any, tmp_path: Path) -> None:
    backend = "django.core.cache.backends.filebased.FileBasedCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": str(tmp_path)}}


def between(monkeypatch: pytest.MonkeyPatch, key: str, happens: Callable[[], object]) -> None:
    """Let something happen once between `add` of this cache seeing that the key is free and writing it."""
    has_key = FileBasedCache.has_key
    done: list[str] = []

    def look(cache: FileBasedCache, looked_for: str, version: int | None = None) -> bool:
        found = has_key(cache, looked_for, version)
        if looked_for.endswith(key) and not found and not done:
            done.append(looked_for)
            happens()
        return found

    monkeypatch.setattr(FileBasedCache, "has_key", look)


@pytest.mark.parametrize("key", [".head", ".1"], ids=["both begin a list", "both take the first place"])
def test_no_failure_is_lost(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """What another process has overwritten is written again, so that each process knows of both failures."""
    first, second, third = Process(), Process(), Process()
    first.fail("user.alice")
    second.fail("user.bob")
    between(monkeypatch, key, first.exchange)
    second.exchange()
    for process in [first, second, third] * 3:
        process.exchange()
    assert [process.knows("user.alice", "user.bob") for process in (first, second, third)] == [[1, 1]] * 3


def test_failure_that_was_read_before_it_was_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has read an entry counts it once although it is written again, and reads the one in its place too."""
    first, second, third = Process(), Process(), Process()
    first.fail("user.carol")
    for process in (first, second, third):
        process.exchange()
    first.fail("user.alice")
    second.fail("user.bob")

    def first_writes_and_third_reads() -> None:
        first.exchange()
        third.exchange()

    between(monkeypatch, ".2", first_writes_and_third_reads)
    second.exchange()
    for process in [first, second, third] * 3:
        process.exchange()
    assert [process.knows("user.alice", "user.bob") for process in (first, second, third)] == [[1, 1]] * 3
