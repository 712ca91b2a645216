"""Whatever part of us is broken, a login answers exactly as it does without us, and where possible it is logged."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import signals as auth_signals
from django.contrib.auth.models import User
from django.db.models import signals as model_signals
from django.dispatch import Signal
from django.http import HttpResponse
from django.test import Client

from security_logging import logger, middleware
from security_logging.addresses import client_ip, policy
from security_logging.conf import declared
from security_logging.events import event
from security_logging.formatters.security import SecurityLineFormatter
from security_logging.handlers.file import SecurityFileHandler
from security_logging.internal import flood
from security_logging.request import current, surface, user_names
from security_logging.signals import security_event
from security_logging.watchers import logins, prior_failures

PASSWORD = "right"
MIDDLEWARE = "security_logging.middleware.SecurityLoggingMiddleware"


@dataclass(frozen=True)
class Answer:
    """What a visitor gets of an answer, and what the site keeps of it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    cookies: tuple[str, ...]
    session: tuple[tuple[str, object], ...]


def _answer(client: Client, response: HttpResponse) -> Answer:
    changing = ("Content-Length", "Expires", "Date")  # the token of CSRF protection is new in each page
    return Answer(
        response.status_code,
        tuple(sorted((name, value) for name, value in response.items() if name not in changing)),
        tuple(sorted(response.cookies)),
        tuple(sorted((name, value) for name, value in client.session.items() if name != "_auth_user_hash")),
    )


def _log_in(path: str, password: str) -> Callable[[], Answer]:
    def visit() -> Answer:
        client = Client()
        return _answer(client, client.post(path, {"username": "alice", "password": password}))  # type: ignore[arg-type]  # a test's response

    return visit


def _log_out() -> Answer:
    client = Client()
    client.force_login(User.objects.get(username="alice"), backend="django.contrib.auth.backends.ModelBackend")
    return _answer(client, client.post("/accounts/logout/"))  # type: ignore[arg-type]  # a test's response


def _call_the_api() -> Answer:
    client = Client()
    return _answer(client, client.get("/api/whoami/", headers={"authorization": "Basic YWxpY2U6d3Jvbmc="}))  # type: ignore[arg-type]  # a test's response


VISITS: dict[str, Callable[[], Answer]] = {
    "wrong password": _log_in("/accounts/login/", "wrong"),
    "right password": _log_in("/accounts/login/", PASSWORD),
    "wrong password at the admin": _log_in("/admin/login/", "wrong"),
    "right password at the admin": _log_in("/admin/login/", PASSWORD),
    "logout": _log_out,
    "wrong password at the API": _call_the_api,
}
every_visit = pytest.mark.parametrize("visit", VISITS.values(), ids=VISITS)


@contextmanager
def without_us() -> Iterator[None]:
    """Disconnect everything of ours."""
    kept: dict[Signal, list[Any]] = {}
    for module in (auth_signals, model_signals):
        for signal in (value for value in vars(module).values() if isinstance(value, Signal)):
            kept[signal] = list(signal.receivers)
            signal.receivers = [each for each in signal.receivers if "security_logging" not in str(each[0])]
            signal.sender_receivers_cache.clear()
    middleware = django_settings.MIDDLEWARE
    django_settings.MIDDLEWARE = [each for each in middleware if each != MIDDLEWARE]
    try:
        yield
    finally:
        django_settings.MIDDLEWARE = middleware
        for signal, connected in kept.items():
            signal.receivers = connected
            signal.sender_receivers_cache.clear()


def fail(*arguments: object, **keywords: object) -> Any:
    """Stand in for any part of ours."""
    raise RuntimeError("broken")


class Garbage:
    """An answer that cannot even be shown."""

    def __init__(self, *arguments: object) -> None:
        """Take whatever there is."""

    def __str__(self) -> str:
        raise RuntimeError("broken")

    __repr__ = __str__


class RaisingHandler(logging.Handler):
    """A handler that does not catch its own errors."""

    def emit(self, record: logging.LogRecord) -> None:
        """Fail."""
        raise RuntimeError("broken")


class RaisingFormatter(SecurityLineFormatter):
    """A formatter with a bug."""

    def format(self, record: logging.LogRecord) -> str:
        """Fail."""
        raise RuntimeError("broken")


@dataclass
class Workshop:
    """Where parts are broken for the time of one test."""

    monkeypatch: pytest.MonkeyPatch
    settings: Any
    directory: Path
    handlers: list[tuple[logging.Logger, logging.Handler]]

    def add(self, handler: logging.Handler, name: str = "security") -> None:
        """Add a handler behind those that are there."""
        logging.getLogger(name).addHandler(handler)
        self.handlers.append((logging.getLogger(name), handler))

    def resolver(self, answer: Any) -> None:
        """Let the project's own function for the address be this one."""
        self.settings.SECURITY_LOGGING_CLIENT_IP_RESOLVER = answer

    def closed_file(self) -> None:
        """Close the log behind the handler's back."""
        handler = SecurityFileHandler(self.directory / "security.log")
        handler.handle(logging.LogRecord("x", 30, "", 1, "x", None, None))
        os.close(handler.stream.fileno())
        self.add(handler)

    def formatter(self) -> None:
        """Let the file's formatter fail."""
        handler = SecurityFileHandler(self.directory / "security.log")
        handler.setFormatter(RaisingFormatter())
        self.add(handler)

    def filter(self) -> None:
        """Let a filter of a handler fail."""
        handler = logging.NullHandler()
        handler.handle = fail  # type: ignore[method-assign]  # a filter that raises does so in there
        self.add(handler)

    def nowhere(self) -> None:
        """Fill the disk and close standard error."""
        self.monkeypatch.setattr(sys, "stderr", None)
        self.add(SecurityFileHandler("/dev/full"))

    def everything(self) -> None:
        """Break whatever there is."""
        for module, name in PARTS:
            self.monkeypatch.setattr(module, name, fail)
        self.add(RaisingHandler(), "security_logging.internal")

    def listener(self) -> None:
        """Let a receiver of our own signal fail."""
        security_event.connect(fail, weak=False, dispatch_uid="test")


PARTS: tuple[tuple[Any, str], ...] = (
    (client_ip, "resolve"), (policy, "trusted_proxies"), (surface, "resolve"), (surface, "match_of"),
    (current, "current_request"), (logger, "current_request"), (logger, "new_event"), (event, "_normalised"),
    (logger, "render_message"), (logger, "events_of"), (logger, "is_wanted"), (logger, "_write"),
    (logger, "plain_request"), (flood.Flood, "fold"), (user_names, "protected"), (logins, "typed_name"),
    (logins, "name_of"), (logins, "key_of"), (prior_failures, "count"), (logins, "before_login"),
    (logins, "log_failure"), (middleware, "may_be_unsignalled"), (middleware, "log_unsignalled"),
)  # fmt: skip

# What is broken: how, and whether the event is written nevertheless.
BROKEN: dict[str, tuple[Callable[[Workshop], object], bool]] = {
    "nothing": (lambda shop: None, True),
    "a handler": (lambda shop: shop.add(RaisingHandler()), True),
    "a filter": (Workshop.filter, True),
    "a formatter": (Workshop.formatter, True),
    "a missing directory": (lambda shop: shop.add(SecurityFileHandler(shop.directory / "missing/x.log")), True),
    "a full disk": (lambda shop: shop.add(SecurityFileHandler("/dev/full")), True),
    "a full disk without standard error": (Workshop.nowhere, True),
    "a closed file": (Workshop.closed_file, True),
    "a directory in its place": (lambda shop: shop.add(SecurityFileHandler(shop.directory)), True),
    "a resolver that raises": (lambda shop: shop.resolver(fail), True),
    "a resolver that is none": (lambda shop: shop.resolver(5), True),
    "a resolver that does not exist": (lambda shop: shop.resolver("no.such.function"), True),
    "a resolver that returns a number": (lambda shop: shop.resolver(lambda request: 5), True),
    "a resolver that returns a line": (lambda shop: shop.resolver(lambda request: "1.2.3.4\nip=1.2.3.4 "), True),
    "a resolver that returns garbage": (lambda shop: shop.resolver(lambda request: Garbage()), True),
    "a resolver that returns a megabyte": (lambda shop: shop.resolver(lambda request: "1" * 10**6), True),
    "the URL configuration": (lambda shop: shop.monkeypatch.setattr(surface, "resolve", fail), True),
    "the user's name": (lambda shop: shop.monkeypatch.setattr(User, "get_username", fail), True),
    "a user's name that is garbage": (lambda shop: shop.monkeypatch.setattr(User, "get_username", Garbage), True),
    "our own logger's handler": (lambda shop: shop.add(RaisingHandler(), "security_logging.internal"), True),
    "a listener to our signal": (Workshop.listener, True),
    "everything": (Workshop.everything, False),
}  # fmt: skip


@pytest.fixture
def workshop(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Iterator[Workshop]:
    """Yield a workshop, and put everything together again."""
    shop = Workshop(monkeypatch, settings, tmp_path, [])
    yield shop
    security_event.disconnect(dispatch_uid="test")
    for target, handler in shop.handlers:
        target.removeHandler(handler)
        handler.close()


@pytest.fixture(autouse=True)
def _alice(db: None) -> None:
    User.objects.create_user("alice", password=PASSWORD, is_staff=True)


@every_visit
@pytest.mark.parametrize(("break_it", "is_written"), BROKEN.values(), ids=BROKEN)
def test_broken(
    workshop: Workshop,
    security_records: list[logging.LogRecord],
    visit: Callable[[], Answer],
    break_it: Callable[[Workshop], object],
    is_written: bool,
) -> None:
    """The visitor notices nothing, and where it is possible the event is written all the same."""
    break_it(workshop)
    with without_us():
        expected = visit()
    security_records.clear()
    assert visit() == expected
    assert bool(security_records) is is_written


@pytest.mark.parametrize(("module", "name"), PARTS, ids=[f"{module.__name__}.{name}" for module, name in PARTS])
@every_visit
def test_part(workshop: Workshop, visit: Callable[[], Answer], module: Any, name: str) -> None:
    """The same for every part of ours, one by one."""
    workshop.monkeypatch.setattr(module, name, fail)
    with without_us():
        expected = visit()
    assert visit() == expected


WRONG_VALUES = {
    "None": None, "number": -1, "text": "x", "line": "x\ny", "bytes": b"x", "list": [None], "mapping": {"x": None},
    "garbage": Garbage(),
}  # fmt: skip


@pytest.mark.parametrize("value", WRONG_VALUES.values(), ids=WRONG_VALUES)
@pytest.mark.parametrize("name", declared())
@pytest.mark.parametrize("visit", [VISITS["wrong password at the admin"], VISITS["wrong password at the API"]])
def test_wrong_setting(
    workshop: Workshop, security_records: list[logging.LogRecord], visit: Callable[[], Answer], name: str, value: object
) -> None:
    """A setting of the wrong type is a matter for the system checks, and never for a visitor."""
    with without_us():
        expected = visit()
    setattr(workshop.settings, name, value)
    answer = visit()
    known = dict(expected.headers)  # the project may have wanted one more
    assert replace(answer, headers=tuple(each for each in answer.headers if each[0] in known)) == expected


def test_without_us_means_without_us(security_records: list[logging.LogRecord]) -> None:
    """The answers that are compared with come from a site that knows nothing of us."""
    with without_us():
        VISITS["wrong password"]()
    assert security_records == []
