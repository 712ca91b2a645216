"""Waiting for what is to happen, with an end."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable

# A wait ends as soon as its condition holds, so that only a failing test, or a machine that stalls, waits this long.
SECONDS = 60


def wait_until(condition: Callable[[], object], seconds: float = SECONDS, every: float = 0.05) -> bool:
    """Wait until the condition holds, and return whether it does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def wait_for(condition: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    """Wait until the condition holds; fail with `what` when it does not."""
    if not wait_until(condition, seconds, every=0.02):
        raise AssertionError(f"not within {seconds} s: {what}")


def status_of(url: str) -> int:
    """Return the status of a page of a site that the test runs, 0 while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 (our own site)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0
