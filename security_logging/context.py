"""The request that is being served, for code that calls `authenticate()` without passing it on."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest

_request: ContextVar[HttpRequest | None] = ContextVar("security_logging_request", default=None)

enter = _request.set
leave = _request.reset


def current_request() -> HttpRequest | None:
    """Return the request that `SecurityLoggingMiddleware` is serving in this context, None outside of one."""
    return _request.get()
