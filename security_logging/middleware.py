"""The middleware: it makes the request known to code that does not pass it on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

from security_logging import context

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    Answer = HttpResponseBase | Awaitable[HttpResponseBase]


class SecurityLoggingMiddleware:
    """
    Keep the request at hand while it is served, for receivers that are called with `request=None`.

    Place it first, so that whatever authenticates sees it. It is sync or async as the chain around it is, and adds no
    thread hop to either.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        """Take the rest of the chain and become of its kind."""
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Answer:
        """Serve the request."""
        if self.is_async:
            return self._serve_async(request)
        token = context.enter(request)
        try:
            return self.get_response(request)
        finally:
            context.leave(token)

    async def _serve_async(self, request: HttpRequest) -> HttpResponseBase:
        token = context.enter(request)
        try:
            return await cast("Awaitable[HttpResponseBase]", self.get_response(request))
        finally:
            context.leave(token)
