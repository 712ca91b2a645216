"""What the middleware costs an ordinary request: no query, no thread, and nothing of what goes wrong inside it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import AsyncRequestFactory, Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext

from security_logging import middleware
from security_logging.events.event import SecurityEvent
from security_logging.internal.errors import internal_errors
from security_logging.middleware import SecurityLoggingMiddleware
from security_logging.request.current import current_request


def serve(request: HttpRequest) -> HttpResponse:
    """Tell which request the context holds."""
    return HttpResponse(str(current_request() is request))


async def serve_async(request: HttpRequest) -> HttpResponse:
    """Do the same in an event loop."""
    await asyncio.sleep(0)
    return HttpResponse(str(current_request() is request))


def answer(get_response: Callable[[HttpRequest], Any]) -> HttpResponse:
    """Send a request through the middleware in front of a view."""
    chain = SecurityLoggingMiddleware(get_response)
    if chain.is_async:
        return async_to_sync(chain)(AsyncRequestFactory().get("/"))  # type: ignore[arg-type,return-value]  # async
    return chain(RequestFactory().get("/"))  # type: ignore[return-value]  # sync


def queries(known: Client, path: str, method: str, chain: list[str]) -> int:
    """Return how many queries a page costs its user with that middleware."""
    client = Client()
    client.cookies = known.cookies
    with override_settings(MIDDLEWARE=chain), CaptureQueriesContext(connection) as found:
        client.generic(method, path)
    return len(found)


@pytest.mark.parametrize("view", [serve, serve_async])
def test_context(view: Callable[[HttpRequest], Any]) -> None:
    """While a request is served, it is the current one."""
    assert answer(view).content == b"True"


@pytest.mark.parametrize("view", [serve, serve_async])
def test_context_is_left(view: Callable[[HttpRequest], Any]) -> None:
    """Afterwards none is."""
    answer(view)
    assert current_request() is None


@pytest.mark.parametrize(("view", "expected"), [(serve, False), (serve_async, True)])
def test_kind(view: Callable[[HttpRequest], Any], expected: bool) -> None:
    """The middleware is of the kind of the chain around it, so that Django adapts neither."""
    assert iscoroutinefunction(SecurityLoggingMiddleware(view)) is expected


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_thread_hop(method: str) -> None:
    """Under ASGI everything happens in the thread of the event loop."""
    threads: list[str] = []

    async def view(request: HttpRequest) -> HttpResponse:
        threads.append(threading.current_thread().name)
        return HttpResponse()

    async def run() -> None:
        threads.append(threading.current_thread().name)
        before = threading.active_count()
        await SecurityLoggingMiddleware(view)(AsyncRequestFactory().generic(method, "/"))  # type: ignore[misc]  # async
        threads.append(threading.current_thread().name)
        assert threading.active_count() == before

    asyncio.run(run())
    assert len(set(threads)) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "method"), [("/", "GET"), ("/account/", "GET"), ("/accounts/login/", "GET"), ("/", "POST")]
)
def test_no_query(admin_client: Client, path: str, method: str) -> None:
    """The queries of a page are the same with the middleware and without."""
    without = [entry for entry in settings.MIDDLEWARE if "security_logging" not in entry]
    assert queries(admin_client, path, method, settings.MIDDLEWARE) == queries(admin_client, path, method, without)


@pytest.mark.django_db
def test_nothing_looks_at_an_ordinary_page(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a page that was asked for and shown, nothing is looked at."""
    looked: list[object] = []
    monkeypatch.setattr(middleware, "log_unsignalled", lambda *arguments: looked.append(arguments))
    client.get("/")
    assert looked == []


@pytest.mark.django_db
def test_own_error(client: Client, monkeypatch: pytest.MonkeyPatch, captured: list[SecurityEvent]) -> None:
    """An error of ours costs no visitor a page; it is reported."""

    def fail(*arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(middleware, "log_unsignalled", fail)
    monkeypatch.setitem(internal_errors, "middleware", 0)
    response = client.post("/accounts/login/", {"username": ""})
    assert (response.status_code, internal_errors["middleware"]) == (200, 1)
