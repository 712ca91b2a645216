"""The request that is being served, for code that calls `authenticate()` without passing it on."""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest


class _Served:
    """Where a context and all its copies find the request, so that they lose it together."""

    __slots__ = ("request",)

    def __init__(self, request: HttpRequest | None) -> None:
        self.request = request


Entered = tuple[_Served, Token[_Served]]

_NOTHING = _Served(None)  # shared by all that serve nothing; `enter` never writes into it
_served: ContextVar[_Served] = ContextVar("security_logging_request", default=_NOTHING)


def enter(request: HttpRequest) -> Entered:
    """Make the request the current one, and return what `leave` needs."""
    served = _Served(request)
    return served, _served.set(served)


def leave(entered: Entered) -> None:
    """
    Make the request before it the current one again, None outside of any.

    A task or thread that the request has started keeps a copy of its context for as long as it runs. What it does
    once the request is answered, or cancelled, is no longer the visitor's doing, whom it could get banned.
    """
    served, token = entered
    served.request = None
    _served.reset(token)


def current_request() -> HttpRequest | None:
    """Return the request that `SecurityLoggingMiddleware` is serving in this context, None outside of one."""
    return _served.get().request
