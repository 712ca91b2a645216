"""The current request, and those who still run when it is answered."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import AsyncRequestFactory, RequestFactory

from security_logging.events.event import SecurityEvent
from security_logging.logger import log_event
from security_logging.middleware import SecurityLoggingMiddleware
from security_logging.request import current
from security_logging.request.current import current_request

TIMEOUT = 10  # seconds

Seen = list[HttpRequest | None]


@pytest.fixture
def first(rf: RequestFactory) -> HttpRequest:
    """Return a request."""
    return rf.get("/first/", REMOTE_ADDR="203.0.113.7")


@pytest.fixture
def second(rf: RequestFactory) -> HttpRequest:
    """Return another one."""
    return rf.get("/second/", REMOTE_ADDR="203.0.113.8")


def serve(request: HttpRequest, view: Callable[[HttpRequest], HttpResponse]) -> None:
    """Send the request through the middleware in front of the view."""
    SecurityLoggingMiddleware(view)(request)


def copied(request: HttpRequest) -> Context:
    """Serve the request, and return the copy of its context that the view has made."""
    copies: list[Context] = []

    def view(_: HttpRequest) -> HttpResponse:
        copies.append(copy_context())
        return HttpResponse()

    serve(request, view)
    return copies[0]


async def serve_with_task(work: Callable[[], Awaitable[None]]) -> None:
    """Serve a request whose view starts the task, and wait for the task when the request is answered."""
    tasks: list[asyncio.Task[None]] = []
    answered = asyncio.Event()

    async def wait_and_work() -> None:
        await answered.wait()
        await work()

    async def view(request: HttpRequest) -> HttpResponse:
        tasks.append(asyncio.create_task(wait_and_work()))
        return HttpResponse()

    request = AsyncRequestFactory().get("/")
    request.META["REMOTE_ADDR"] = "203.0.113.7"
    await SecurityLoggingMiddleware(view)(request)  # type: ignore[misc]  # async
    answered.set()
    await asyncio.wait_for(tasks[0], TIMEOUT)


def test_task_while_the_request_is_served() -> None:
    """A task that the view waits for does the request's work."""
    seen: Seen = []

    async def work() -> None:
        seen.append(current_request())

    async def view(request: HttpRequest) -> HttpResponse:
        await asyncio.create_task(work())
        return HttpResponse()

    request = AsyncRequestFactory().get("/")
    asyncio.run(SecurityLoggingMiddleware(view)(request))  # type: ignore[arg-type]  # async
    assert seen == [request]


def test_task_that_outlives_its_request(captured: list[SecurityEvent]) -> None:
    """What a task does when the request that started it is answered is not blamed on that visitor."""

    async def work() -> None:
        log_event("login_failed", user="of another source")

    asyncio.run(serve_with_task(work))
    assert [event.fields["ip"] for event in captured] == ["-"]


def test_thread_that_outlives_its_request(first: HttpRequest) -> None:
    """So it is for a thread with a copy of the context."""
    seen: Seen = []
    thread = threading.Thread(target=copied(first).run, args=(lambda: seen.append(current_request()),))
    thread.start()
    thread.join(TIMEOUT)
    assert seen == [None]


def test_cancelled_request() -> None:
    """A request whose client has gone away is as good as answered."""
    copies: list[Context] = []

    async def view(request: HttpRequest) -> HttpResponse:
        copies.append(copy_context())
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(SecurityLoggingMiddleware(view)(AsyncRequestFactory().get("/")))  # type: ignore[arg-type]  # async
    assert copies[0].run(current_request) is None


def test_view_that_raises(first: HttpRequest) -> None:
    """So is one whose view has failed."""
    copies: list[Context] = []

    def view(request: HttpRequest) -> HttpResponse:
        copies.append(copy_context())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        serve(first, view)
    assert copies[0].run(current_request) is None


def test_memory() -> None:
    """A copy of the context does not keep the request, with all its events, in memory."""
    request = RequestFactory().get("/")
    kept, found = copied(request), weakref.ref(request)
    del request
    gc.collect()
    assert (found(), kept.run(current_request)) == (None, None)


def test_nested_request(first: HttpRequest, second: HttpRequest) -> None:
    """While a view asks another view by the test client, that request is the current one, and then its own again."""
    seen: Seen = []

    def inner(request: HttpRequest) -> HttpResponse:
        seen.append(current_request())
        return HttpResponse()

    def outer(request: HttpRequest) -> HttpResponse:
        serve(second, inner)
        seen.append(current_request())
        return HttpResponse()

    serve(first, outer)
    assert [*seen, current_request()] == [second, first, None]


def test_what_a_nested_request_leaves_behind(first: HttpRequest, second: HttpRequest) -> None:
    """What a nested request has started is not blamed on the outer one either."""
    seen: Seen = []

    def outer(request: HttpRequest) -> HttpResponse:
        seen.append(copied(second).run(current_request))
        return HttpResponse()

    serve(first, outer)
    assert seen == [None]


def test_request_served_by_a_task_of_another(first: HttpRequest, second: HttpRequest) -> None:
    """A request that such a task serves is known there, and leaves nothing behind but None."""
    seen: Seen = []

    def work() -> None:
        entered = current.enter(second)
        seen.append(current_request())
        current.leave(entered)
        seen.append(current_request())

    copied(first).run(work)
    assert seen == [second, None]
