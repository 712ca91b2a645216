"""The last resort: standard error takes the lines that found no other place, for systemd or Docker to keep."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from security_logging.internal import output
from security_logging.internal.writable import WAIT_SECONDS

_NOTICE_INTERVAL = 60  # seconds between two notices about the same failure


class LastResort:
    """Standard error, as one handler uses it for lines that it cannot write or send."""

    def __init__(self, failure: str) -> None:
        """Take what to call the failure that leads here, e.g. "cannot write /var/log/x"."""
        self._failure = failure
        self._noticed = float("-inf")

    def write(self, lines: Sequence[str], error: Exception, seconds: float = WAIT_SECONDS) -> None:
        """
        Write the lines, once a minute with the reason; where that fails too they are lost. Raises nothing.

        A full standard error is waited for `seconds` at most; what finds no room is counted, see `output.write`.
        """
        text = "".join(f"{line}\n" for line in lines)
        with suppress(Exception):  # standard error is closed or None: there is no place left
            if time.monotonic() - self._noticed > _NOTICE_INTERVAL:
                notice = f"security_logging: {self._failure}: {error!r}; lines follow here\n"
                output.write(sys.stderr, notice + text, seconds)
                self._noticed = time.monotonic()
            else:
                output.write(sys.stderr, text, seconds)
