"""The middleware: it keeps the request for code that does not pass it on, and logs what no signal says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

from security_logging.conf import conf
from security_logging.internal.errors import guarded
from security_logging.request import current
from security_logging.request.identifier import request_id_of
from security_logging.watchers import django_loggers
from security_logging.watchers.forwarding import ForwardingWatch
from security_logging.watchers.responses import log_unsignalled, may_be_unsignalled

__all__ = ["SecurityLoggingMiddleware"]

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    Answer = HttpResponseBase | Awaitable[HttpResponseBase]


class SecurityLoggingMiddleware:
    """
    Keep the request while it is served, and log the attempts that only its response shows.

    Place it first, so that whatever authenticates sees the request. It is sync or async as the chain around it is,
    and adds no thread hop to either, and no query.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        """Take the rest of the chain; the middleware is sync or async as that is."""
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        self.id_header = conf.REQUEST_ID_RESPONSE_HEADER  # once, like MIDDLEWARE: each page would pay for it
        self.forwarding = ForwardingWatch()
        django_loggers.connect()
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Answer:
        """Serve the request."""
        if self.is_async:
            return self._serve_async(request)
        entered = current.enter(request)
        try:
            response = cast("HttpResponseBase", self.get_response(request))
            self._finish(request, response)
            return response
        finally:
            current.leave(entered)

    async def _serve_async(self, request: HttpRequest) -> HttpResponseBase:
        entered = current.enter(request)
        try:
            response = await cast("Awaitable[HttpResponseBase]", self.get_response(request))
            self._finish(request, response)
            return response
        finally:
            current.leave(entered)

    def _finish(self, request: HttpRequest, response: HttpResponseBase) -> None:
        _look_at(request, response)
        if self.forwarding.key in request.META:
            self.forwarding.look_at(request)
        if self.id_header is not None:
            self._add_id(request, response)

    @guarded("request_id")
    def _add_id(self, request: HttpRequest, response: HttpResponseBase) -> None:
        response.headers[str(self.id_header)] = request_id_of(request)


@guarded("middleware")
def _look_at(request: HttpRequest, response: HttpResponseBase) -> None:
    if may_be_unsignalled(request, response):
        log_unsignalled(request, response)
