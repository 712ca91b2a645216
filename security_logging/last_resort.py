"""The last resort: standard error takes the lines that found no other place, for systemd or Docker to keep."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from contextvars import ContextVar

_NOTICE_INTERVAL = 60  # seconds between two notices about the same failure
_writing: ContextVar[bool] = ContextVar("security_logging_last_resort", default=False)


class LastResort:
    """Standard error, as one handler uses it."""

    def __init__(self, failure: str) -> None:
        """Take what to call the failure that leads here, e.g. "cannot write /var/log/x"."""
        self._failure = failure
        self._noticed = float("-inf")

    def write(self, lines: Sequence[str], error: Exception) -> None:
        """Write the lines, once a minute with the reason; where that fails too they are lost. Raises nothing."""
        with suppress(Exception):  # standard error is closed or None: there is no place left
            if time.monotonic() - self._noticed > _NOTICE_INTERVAL:
                _put(f"security_logging: {self._failure}: {error!r}; lines follow here\n")
                self._noticed = time.monotonic()
            for line in lines:
                _put(f"{line}\n")


def _put(text: str) -> None:
    if _writing.get():  # standard error leads back to us: Celery makes records of what is written to it
        return
    token = _writing.set(True)
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    finally:
        _writing.reset(token)
