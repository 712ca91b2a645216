"""What becomes of an error of our own: it is reported once in a while, and never reaches the code that we watch."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from traceback import clear_frames
from typing import TypeVar

T = TypeVar("T")

internal = logging.getLogger("security_logging.internal")
internal_errors: dict[str, int] = {}  # our own failures in this process, by place
_INTERVAL = 60  # seconds between two reports about the same place
_reported: dict[str, float] = {}


def attempt(place: str, work: Callable[..., T], otherwise: T, *arguments: object) -> T:
    """Return what the work returns for the arguments; when it raises, report that and return `otherwise`."""
    try:
        return work(*arguments)
    except Exception:  # noqa: BLE001 (nothing may raise into a login)
        report(place)
        return otherwise


def report(place: str) -> None:
    """
    Report the exception being handled to the logger `security_logging.internal`, once a minute for each place.

    It is the only word about a failure of ours: nothing may reach the login that we watch. The traceback is shown
    without the error's own text, which may hold what somebody typed: int("hunter2") says so.
    """
    _report(place, f"{place} failed", sys.exc_info()[1])


def report_misuse(place: str, what: str) -> None:
    """Report in the same way what a caller has done wrong and we have made the best of."""
    _report(place, what, None)


def _report(place: str, what: str, error: BaseException | None) -> None:
    internal_errors[place] = internal_errors.get(place, 0) + 1
    now = time.monotonic()
    if now - _reported.get(place, float("-inf")) < _INTERVAL:
        return
    _reported[place] = now
    with suppress(Exception):
        internal.disabled = False  # as dictConfig leaves it: that very mistake is one to be reported
        shown = None if error is None else _without_text(error)
        internal.error("%s, %d times in this process", what, internal_errors[place], exc_info=shown)


def _without_text(error: BaseException) -> BaseException:
    kind = type(error)
    # Whoever mails or sends errors (AdminEmailHandler, Sentry) adds the local variables, the credentials among them.
    clear_frames(error.__traceback__)
    silent: BaseException = type(kind.__name__, (Exception,), {"__module__": kind.__module__})()
    return silent.with_traceback(error.__traceback__)
