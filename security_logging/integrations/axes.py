"""django-axes: lock-outs, and the attempts that it refused without a look at the credentials."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from axes.handlers.proxy import AxesProxyHandler
from axes.signals import user_locked_out

from security_logging.events.types import LOGIN_LOCKED
from security_logging.internal.errors import guarded
from security_logging.logger import log_event
from security_logging.watchers.logins import is_marked_locked, mark_locked

if TYPE_CHECKING:
    from django.http import HttpRequest

TOO_MANY_FAILURES = "too_many_failures"


def connect() -> None:
    """
    Connect to the signal of lock-outs, and watch what axes answers when its backend asks whether an attempt is allowed.

    No signal says whether an attempt was refused or checked, so that answer is watched, and not changed. It comes
    before each signal of the attempt, so the order of the apps and of their receivers does not matter.
    """
    user_locked_out.connect(on_user_locked_out, weak=False, dispatch_uid="security_logging.axes")
    proxy: Any = AxesProxyHandler
    if not hasattr(proxy.is_allowed, "__wrapped__"):
        proxy.is_allowed = classmethod(_watched(proxy.is_allowed.__func__))


@guarded("axes")
def on_user_locked_out(
    sender: object, request: HttpRequest | None = None, username: str | None = None, **kwargs: object
) -> None:
    """
    Log the lock once; axes sends the signal again with each attempt that it refuses.

    The attempt that reached the limit was checked and failed for its credentials; those after it were not checked.
    """
    if not is_marked_locked(request):
        log_event(LOGIN_LOCKED, request, reason=TOO_MANY_FAILURES, user=username)


def _watched(is_allowed: Callable[..., bool]) -> Callable[..., bool]:
    @wraps(is_allowed)
    def is_allowed_and_marked(proxy: object, request: HttpRequest, *args: Any, **kwargs: Any) -> bool:
        answer = is_allowed(proxy, request, *args, **kwargs)
        mark_locked(request, is_locked=not answer)
        return answer

    return is_allowed_and_marked
