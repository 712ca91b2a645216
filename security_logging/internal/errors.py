"""Our own errors: they are reported once a minute, and never reach the code that we watch."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from traceback import clear_frames
from typing import ParamSpec, TypeVar

from security_logging.internal.delivery import deliver

P = ParamSpec("P")
T = TypeVar("T")

internal = logging.getLogger("security_logging.internal")
internal_errors: dict[str, int] = {}  # our own failures in this process, by place
_INTERVAL = 60  # seconds between two reports about the same place
_reported: dict[str, float] = {}


def guarded(place: str) -> Callable[[Callable[P, T]], Callable[P, T | None]]:
    """
    Have the decorated function report an exception, under the name of the place, and return None instead of raising.

    Each receiver has this guard, so that no error of ours reaches the sender of the signal. So has each function that
    reads one field of an event: None leaves the field out, so that an error costs the field and not the event.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T | None]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T | None:
            try:
                return function(*args, **kwargs)
            except Exception:  # noqa: BLE001 (nothing may raise into a login)
                report(place)
                return None

        return call

    return decorate


def report(place: str) -> None:
    """
    Report the exception being handled to the logger `security_logging.internal`, once a minute for each place.

    Every failure of ours is reported here. The traceback is shown without the error's own text, which may hold what a
    client typed: the message of int("hunter2") does.
    """
    _report(place, f"{place} failed", sys.exc_info()[1])


def report_misuse(place: str, what: str) -> None:
    """Report in the same way a mistake of the caller that costs no event, e.g. a field that is not declared."""
    _report(place, what, None)


def _report(place: str, what: str, error: BaseException | None) -> None:
    internal_errors[place] = internal_errors.get(place, 0) + 1
    now = time.monotonic()
    if now - _reported.get(place, float("-inf")) < _INTERVAL:
        return
    _reported[place] = now
    with suppress(Exception):
        internal.disabled = False  # dictConfig disables loggers that it does not name, and that is a mistake to report
        shown = None if error is None else _without_text(error)
        _log(f"{what}, {internal_errors[place]} times in this process", shown)


def _log(message: str, error: BaseException | None) -> None:
    if internal.isEnabledFor(logging.ERROR):
        shown = None if error is None else (type(error), error, error.__traceback__)
        record = internal.makeRecord(internal.name, logging.ERROR, __file__, 0, message, (), shown)
        deliver(internal, record, _count)


def _count(handler: logging.Handler) -> None:
    """Count a handler that raised over a report: there is no place left to report that."""
    place = f"handler {type(handler).__name__}"
    internal_errors[place] = internal_errors.get(place, 0) + 1


def _without_text(error: BaseException) -> BaseException:
    """
    Return an error of the same name with the same traceback, without a message and without local variables.

    AdminEmailHandler and Sentry add the local variables of each frame, the credentials among them. The first frame, of
    the function that has caught the error, still runs and cannot be cleared: it is left out.
    """
    kind = type(error)
    trace = None if error.__traceback__ is None else error.__traceback__.tb_next
    clear_frames(trace)
    silent: BaseException = type(kind.__name__, (Exception,), {"__module__": kind.__module__})()
    return silent.with_traceback(trace)
