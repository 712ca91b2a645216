"""A process that serves says once that it has begun to log."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from asgiref.sync import async_to_sync
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.core.signals import request_started
from django.test import AsyncClient, Client, RequestFactory, override_settings

import security_logging
from security_logging.conf import conf
from security_logging.events.event import SecurityEvent
from security_logging.watchers import startup

pytestmark = pytest.mark.django_db  # a server's request closes old connections


@pytest.fixture(autouse=True)
def _waiting() -> Iterator[None]:
    """Wait for the first request as a new process does."""
    startup._wait()
    yield
    request_started.disconnect(dispatch_uid=startup._UID)


def serve() -> None:
    """Hand a request to Django as a WSGI server does."""
    environ = RequestFactory().get("/").environ
    response = WSGIHandler()(environ, lambda *arguments: None)  # type: ignore[arg-type]  # nobody looks at the status
    list(response)
    response.close()


async def serve_async() -> None:
    """Hand a request to Django as an ASGI server does."""
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [(b"host", b"localhost")]}
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        return next(messages, {"type": "http.disconnect"})

    async def send(message: dict[str, Any]) -> None:
        pass

    await ASGIHandler()(scope, receive, send)  # type: ignore[arg-type]  # a server's types


def names(events: list[SecurityEvent]) -> list[str]:
    """Return what happened."""
    return [event.type.name for event in events]


def detail(captured: list[SecurityEvent]) -> dict[str, str]:
    """Serve a request and return what the line of the start tells."""
    startup._wait()
    serve()
    return dict(part.split("=", 1) for part in str(captured[-1].fields["detail"]).split())


@pytest.mark.parametrize("server", [serve, async_to_sync(serve_async)], ids=["WSGI", "ASGI"])
def test_first_request(server: Any, captured: list[SecurityEvent]) -> None:
    """A server's process says so at its first request, and never again."""
    for _ in range(3):
        server()
    assert [(event.type.name, event.fields["reason"], event.pid) for event in captured] == [
        ("logging_started", "server", os.getpid())
    ]


def test_threads(captured: list[SecurityEvent]) -> None:
    """Two first requests at once are one start."""
    receiver = startup._on_request_started
    threads = [threading.Thread(target=receiver, args=(WSGIHandler,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert names(captured) == ["logging_started"]


@pytest.mark.parametrize("client", [Client().get, async_to_sync(AsyncClient().get)], ids=["sync", "async"])
def test_test_client(client: Any, captured: list[SecurityEvent]) -> None:
    """The client of Django's tests is no server: no project's tests see the event."""
    client("/")
    assert captured == []


def test_command(captured: list[SecurityEvent]) -> None:
    """A management command is none either."""
    call_command("migrate", verbosity=0)
    assert captured == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork(captured: list[SecurityEvent]) -> None:
    """A child of a process that has served says so itself, when it serves."""
    serve()
    child = os.fork()
    if child == 0:
        serve()
        os._exit(len(captured))
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork_while_the_signal_is_locked(captured: list[SecurityEvent]) -> None:
    """A child that is forked while another request takes hold of the signal neither hangs nor says less."""
    serve()
    reader, writer = os.pipe()
    with request_started.lock:  # as another thread may
        child = os.fork()
    if child == 0:
        serve()
        os.write(writer, b"%d" % len(captured))
        os._exit(0)
    os.close(writer)
    has_ended = select.select([reader], [], [], 10)[0]  # seconds
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with open(reader, "rb") as pipe:
        assert (bool(has_ended), pipe.read()) == (True, b"2")


def test_without_fork(captured: list[SecurityEvent], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a system without fork the process itself says so all the same."""
    monkeypatch.delattr(os, "register_at_fork")
    request_started.disconnect(dispatch_uid=startup._UID)
    startup.connect()
    serve()
    assert names(captured) == ["logging_started"]


def test_no_cost_afterwards() -> None:
    """From the second request on nobody listens any more."""
    serve()
    assert not request_started.disconnect(dispatch_uid=startup._UID)


@override_settings(SECURITY_LOGGING_EVENTS={"logging_started": False})
def test_switched_off(captured: list[SecurityEvent]) -> None:
    """It is switched off as every event is."""
    serve()
    assert captured == []


def test_detail(captured: list[SecurityEvent]) -> None:
    """The line tells the version, the settings and where the events go."""
    found = detail(captured)
    assert (found["version"], found["settings"]) == (security_logging.__version__, os.environ["DJANGO_SETTINGS_MODULE"])
    assert set(found) == {"version", "settings", "configuration", "handlers"}


def test_many_handlers(captured: list[SecurityEvent], monkeypatch: pytest.MonkeyPatch) -> None:
    """Handlers with endless names push nothing else out of the line."""

    class Sink:
        name = "x" * 1000

    monkeypatch.setattr(startup, "sinks", lambda: [Sink()])
    assert len(detail(captured)["handlers"]) == 160


def test_failure(captured: list[SecurityEvent], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who cannot tell where the events go says at least that it has started, and serves the request."""
    monkeypatch.setattr(startup, "sinks", Mock(side_effect=ValueError))
    serve()
    assert [sorted(event.fields) for event in captured] == [["ip", "net", "reason", "surface"]]


def test_no_handlers(captured: list[SecurityEvent], monkeypatch: pytest.MonkeyPatch) -> None:
    """A process whose events go nowhere says so, to whoever reacts on the signal."""
    monkeypatch.setattr(startup, "sinks", list)
    assert detail(captured)["handlers"] == "none"


CALLABLE: dict[str, Any] = {"CLIENT_IP_RESOLVER": serve}


@pytest.mark.parametrize(
    ("before", "after", "is_same"),
    [
        ({}, {}, True),
        ({"EVENTS": {"logout": False}}, {"EVENTS": {}}, False),
        ({"HASH_KEY": "secret"}, {"HASH_KEY": "other"}, True),
        (CALLABLE, CALLABLE, True),
        ({"BAIT_PATHS_ADD": {"/a", "/b", "/c"}}, {"BAIT_PATHS_ADD": {"/c", "/b", "/a"}}, True),
        ({"BAIT_PATHS_ADD": {"/a"}}, {"BAIT_PATHS_ADD": {"/b"}}, False),
    ],
    ids=["same", "switched off", "secret", "function", "order of a set", "set"],
)
def test_configuration(
    before: dict[str, Any], after: dict[str, Any], is_same: bool, captured: list[SecurityEvent]
) -> None:
    """Who changes one of our settings changes the line; the key of the hashes leaves no trace in it."""
    found = []
    for changed in (before, after):
        with override_settings(**{f"SECURITY_LOGGING_{name}": value for name, value in changed.items()}):
            found.append(detail(captured)["configuration"])
    assert (found[0] == found[1]) == is_same


def test_configuration_is_the_same_in_each_process() -> None:
    """A function is named, since its address differs from process to process."""
    with override_settings(SECURITY_LOGGING_CLIENT_IP_RESOLVER=serve):
        assert startup._named(conf.CLIENT_IP_RESOLVER) == "serve"
