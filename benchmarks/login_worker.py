"""A process that serves failed logins in one variant; reads `KIND COUNT` from standard input, answers with JSON."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import repeat
from pathlib import Path
from statistics import median
from typing import Any

import django

SEEN = "203.0.113.7"
ADDRESSES = (f"2001:db8:{high:x}:{low:x}::1" for high in range(1, 65536) for low in range(65536))
TOKEN = "a" * 32  # of CSRF protection, in the cookie and in the form
OURS = "security_logging.middleware.SecurityLoggingMiddleware"
BODY = f"username=mallory&password=wrong&csrfmiddlewaretoken={TOKEN}".encode()


def main() -> None:
    """Answer commands until standard input ends."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "login_settings"
    sys.path.insert(0, str(Path(__file__).parent))
    django.setup()
    prepare()
    kinds = {
        "seen": requests("POST", "/login/", repeat(SEEN)),
        "unseen": requests("POST", "/login/", ADDRESSES),
        "page": pages("/page/"),
        "async_page": async_pages("/async_page/"),
    }
    for line in sys.stdin:
        kind, times = line.split()
        print(json.dumps(kinds[kind](int(times))), flush=True)


def prepare() -> None:
    """Create the tables, one user, and the receiver of the baseline."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    get_user_model().objects.create_user("mallory", password="right")
    if os.environ["VARIANT"] == "plain":
        connect_plain()


def connect_plain() -> None:
    """Connect what a project writes by itself: one line through a FileHandler."""
    from django.contrib.auth.signals import user_login_failed

    handler = logging.FileHandler(Path(os.environ["BENCHMARK_DIRECTORY"]) / "plain.log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("plain")
    logger.addHandler(handler)
    logger.propagate = False

    def receiver(sender: object, credentials: dict[str, str], request: Any, **kwargs: object) -> None:
        logger.warning("login failed ip=%s user=%s", request.META["REMOTE_ADDR"], credentials.get("username"))

    user_login_failed.connect(receiver, weak=False)


def requests(method: str, path: str, addresses: Iterator[str]) -> Callable[[int], dict[str, float]]:
    """
    Return a function that serves requests through the WSGI handler.

    It measures, in microseconds, the whole request and the signal of the failed login in it, and counts the queries.
    The signal is measured there and not in a loop of its own, where every cache would be warm.
    """
    from django.core.wsgi import get_wsgi_application
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    application = get_wsgi_application()
    sending = clocked_signal()

    statuses: set[str] = set()

    def start(status: str, *headers: object) -> Any:
        statuses.add(status)

    def serve() -> float:
        request = environ(method, path, next(addresses))
        started = time.perf_counter_ns()
        response: Any = application(request, start)
        b"".join(response)
        response.close()
        return (time.perf_counter_ns() - started) / 1000

    def measure(times: int) -> dict[str, float]:
        with CaptureQueriesContext(connection) as queries:
            serve()
        sending.clear()
        result = {"request": median(serve() for _ in range(times)), "queries": len(queries)}
        return result | {"signal": median(sending or [0])}

    serve()
    assert statuses == {"200 OK"}, statuses
    assert len(sending) == (method == "POST"), "the login must fail in authenticate()"
    return measure


def pages(path: str) -> Callable[[int], dict[str, float]]:
    """Return a function that serves pages through the WSGI handler, with our middleware and without, in turn."""
    from django.core.wsgi import get_wsgi_application

    applications = both(get_wsgi_application, settings_without_us())

    def serve(application: Any) -> float:
        request = environ("GET", path, SEEN)
        started = time.perf_counter_ns()
        response = application(request, lambda status, *headers: None)
        b"".join(response)
        response.close()
        return (time.perf_counter_ns() - started) / 1000

    return lambda times: compared([[serve(application) for application in applications] for _ in range(times)])


def async_pages(path: str) -> Callable[[int], dict[str, float]]:
    """
    Do the same in an event loop.

    Only our middleware is in the chain: Django's own hop threads there, which takes milliseconds and hides ours.
    """
    from django.core.asgi import get_asgi_application
    from django.core.handlers.asgi import ASGIRequest

    applications = both(get_asgi_application, [])
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "path": path,
        "query_string": b"", "headers": [(b"host", b"localhost")], "client": (SEEN, 4711), "server": ("localhost", 80),
    }  # fmt: skip

    async def serve(application: Any) -> float:
        started = time.perf_counter_ns()
        await application.get_response_async(ASGIRequest(scope, BytesIO()))
        return (time.perf_counter_ns() - started) / 1000

    async def measure(times: int) -> dict[str, float]:
        return compared([[await serve(application) for application in applications] for _ in range(times)])

    return lambda times: asyncio.run(measure(times))


def settings_without_us() -> list[str]:
    """Return the middleware of the site without ours."""
    from django.conf import settings

    return [path for path in settings.MIDDLEWARE if path != OURS]


def both(make: Callable[[], Any], middleware: list[str]) -> list[Any]:
    """Return the application with that middleware, and with ours before it."""
    from django.test import override_settings

    made = []
    for chain in (middleware, [OURS, *middleware]):
        with override_settings(MIDDLEWARE=chain):
            made.append(make())
    return made


def compared(pairs: list[list[float]]) -> dict[str, float]:
    """Return the median time without us, and the medians of what is added to it within each pair."""
    return {
        "without": median(without for without, _ in pairs),
        "added": median(with_us - without for without, with_us in pairs),
    }


def clocked_signal() -> list[float]:
    """Return a list to which each `user_login_failed` appends the microseconds that its receivers took."""
    from django.contrib.auth.signals import user_login_failed

    taken: list[float] = []
    send = user_login_failed.send

    def clocked(*args: Any, **kwargs: Any) -> object:
        started = time.perf_counter_ns()
        try:
            return send(*args, **kwargs)
        finally:
            taken.append((time.perf_counter_ns() - started) / 1000)

    user_login_failed.send = clocked  # type: ignore[method-assign,assignment]  # restored by the end of the process
    return taken


def environ(method: str, path: str, address: str) -> dict[str, Any]:
    """Return the WSGI environment of a request."""
    return {
        "REQUEST_METHOD": method, "PATH_INFO": path, "REMOTE_ADDR": address, "SERVER_NAME": "localhost",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "localhost", "HTTP_USER_AGENT": "curl/8.5.0",
        "HTTP_COOKIE": f"csrftoken={TOKEN}",
        "CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": str(len(BODY)),
        "wsgi.input": BytesIO(BODY), "wsgi.errors": sys.stderr, "wsgi.url_scheme": "http", "wsgi.version": (1, 0),
        "wsgi.multithread": False, "wsgi.multiprocess": True, "wsgi.run_once": False, "QUERY_STRING": "",
    }  # fmt: skip


if __name__ == "__main__":
    main()
