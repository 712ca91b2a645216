"""The filters: what they add to a record, and what they keep out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpRequest

from clock import Clock
from log_records import event_record, record
from security_logging import log_filters
from security_logging.internal import errors
from security_logging.log_filters import ContextFilter, HealthCheckFilter, RateLimitFilter
from security_logging.request import current


@pytest.fixture
def request_in_progress() -> Iterator[HttpRequest]:
    """Yield a request that the middleware is serving."""
    request = HttpRequest()
    request.META["REMOTE_ADDR"] = "203.0.113.7"
    entered = current.enter(request)
    yield request
    current.leave(entered)


def seen(made: logging.LogRecord, **options: Any) -> dict[str, Any]:
    """Return the record's attributes behind a ContextFilter with these options."""
    assert ContextFilter(**options).filter(made)
    return made.__dict__


def test_constant_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """Service, environment, group and host are on each record."""
    monkeypatch.setattr("socket.gethostname", lambda: "web1")
    found = seen(record(), service="shop", env="prod", group="/shop/prod")
    names = ("service", "env", "group", "host", "tenant", "request_id", "drill_id")
    assert {name: found[name] for name in names} == {
        "service": "shop",
        "env": "prod",
        "group": "/shop/prod",
        "host": "web1",
        "tenant": "",
        "request_id": "",
        "drill_id": "",
    }


def test_extra_wins() -> None:
    """What the code that logs says in `extra` stays."""
    made = record(service="billing", tenant="acme", request_id="r1")
    found = seen(made, service="shop", tenant=lambda: "other")
    assert (found["service"], found["tenant"], found["request_id"]) == ("billing", "acme", "r1")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("django", "django"),
        ("django.request", "django"),
        ("djangonaut", "rest"),
        ("django.server", "server"),
        ("", "rest"),
    ],
)
def test_stream(name: str, expected: str) -> None:
    """The stream is that of the longest beginning of the logger's name, in whole words."""
    streams = {"django": "django", "django.server": "server", "": "rest"}
    assert seen(record(name=name), streams=streams)["stream"] == expected


def test_no_stream() -> None:
    """Without streams there is none."""
    assert seen(record())["stream"] == ""


def test_request_id(request_in_progress: HttpRequest) -> None:
    """Inside a request each record has its id, the same for all."""
    assert seen(record())["request_id"] == seen(record())["request_id"] != ""


def test_drill_id() -> None:
    """During a drill each record has its id."""
    token = log_filters.drill_id.set("d1")
    try:
        assert seen(record())["drill_id"] == "d1"
    finally:
        log_filters.drill_id.reset(token)


def tenant_of_the_moment() -> str:
    """Return a tenant, for the dotted path."""
    return "acme"


@pytest.mark.parametrize("tenant", [tenant_of_the_moment, f"{__name__}.tenant_of_the_moment"])
def test_tenant(tenant: Any) -> None:
    """The tenant comes from a function or its dotted path."""
    assert seen(record(), tenant=tenant)["tenant"] == "acme"


def test_failing_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook that raises costs the tenant, and is reported."""
    monkeypatch.setattr(errors, "_reported", {})
    monkeypatch.setattr(errors, "internal_errors", {})
    assert (seen(record(), tenant="no.such.hook")["tenant"], errors.internal_errors) == ("", {"tenant": 1})


def test_tenant_that_logs() -> None:
    """A hook that logs does not call itself."""
    calls: list[str] = []

    def hook() -> str:
        calls.append(seen(record(), tenant=hook)["tenant"])
        return "acme"

    assert (seen(record(), tenant=hook)["tenant"], calls) == ("acme", [""])


def test_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """An integration adds attributes of its own."""
    monkeypatch.setattr(log_filters, "providers", [lambda: {"task": "mail"}])
    assert seen(record())["task"] == "mail"


GUNICORN = {"U": "/healthz", "s": "200", "h": "10.0.0.1"}
ACCESSES = [
    ("gunicorn.access", (GUNICORN,), False),
    ("gunicorn.access", ({**GUNICORN, "s": "503"},), True),
    ("gunicorn.access", ({**GUNICORN, "U": "/"},), True),
    ("uvicorn.access", ("10.0.0.1:1", "GET", "/healthz?full=1", "1.1", 200), False),
    ("uvicorn.access", ("10.0.0.1:1", "GET", "/healthz", "1.1", 500), True),
    ("uvicorn.access", ("something else",), True),
    ("django.server", ("GET /healthz HTTP/1.1", "200", "2"), False),
    ("django.server", ("GET /healthz HTTP/1.1", "404", "2"), True),
    ("django.server", ("\x16\x03 nonsense", "400", "2"), True),
    ("django.channels.server", ({"method": "GET", "path": "/healthz", "status": 200, "client": "x"},), False),
    ("django.channels.server", ({"method": "GET", "path": "/", "status": 200, "client": "x"},), True),
    ("shop.access", (GUNICORN,), True),
]


@pytest.mark.parametrize(("name", "arguments", "is_kept"), ACCESSES)
def test_health_check(name: str, arguments: tuple[Any, ...], is_kept: bool) -> None:
    """An answered health check is kept out of each server's access log; all else stays."""
    assert HealthCheckFilter().filter(record("access", *arguments, name=name)) is is_kept


def test_rate_limit() -> None:
    """In one window so many like records pass."""
    limit = RateLimitFilter(2, 60, Clock(0.0))
    assert [limit.filter(record("slow %d", number)) for number in range(4)] == [True, True, False, False]


def test_suppressed_count() -> None:
    """The first record of the next window says how many were dropped."""
    clock = Clock(0.0)
    limit = RateLimitFilter(1, 60, clock)
    for _ in range(4):
        limit.filter(record())
    clock.now = 60.0
    last = record()
    assert (limit.filter(last), last.__dict__["suppressed"]) == (True, 3)


def test_nothing_suppressed() -> None:
    """Where nothing was dropped nothing is said."""
    clock = Clock(0.0)
    limit = RateLimitFilter(1, 60, clock)
    limit.filter(record())
    clock.now = 60.0
    last = record()
    assert (limit.filter(last), hasattr(last, "suppressed")) == (True, False)


@pytest.mark.parametrize("made", [event_record, lambda: record(levelno=logging.ERROR)])
def test_never_limited(made: Any) -> None:
    """Security events and errors always pass."""
    limit = RateLimitFilter(1, 60, Clock(0.0))
    assert [limit.filter(made()) for _ in range(3)] == [True, True, True]


def test_other_records_pass() -> None:
    """Another message or logger has a limit of its own."""
    limit = RateLimitFilter(1, 60, Clock(0.0))
    assert [limit.filter(record(text, name=name)) for text, name in [("a", "x"), ("b", "x"), ("a", "y")]] == [True] * 3


def test_one_record_counts_once() -> None:
    """Several handlers share the filter: a record counts once and has one answer."""
    limit = RateLimitFilter(1, 60, Clock(0.0))
    first, second = record(), record()
    assert [limit.filter(made) for made in (first, first, second, second)] == [True, True, False, False]


def test_memory_of_the_rate_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells a bounded number of kinds apart; beyond that records pass, and ended windows make room."""
    monkeypatch.setattr(log_filters, "MAX_KINDS", 2)
    clock = Clock(0.0)
    limit = RateLimitFilter(1, 60, clock)
    early = [limit.filter(record(text)) for text in "abcc"]
    clock.now = 60.0
    late = [limit.filter(record(text)) for text in "cc"]
    assert (early, late, len(limit._seen)) == ([True] * 4, [True, False], 1)


def test_signal_while_counting() -> None:
    """A signal handler that logs while a record is being counted is neither waited for nor kept from logging."""
    clock = Clock(0.0)
    limit = RateLimitFilter(1, 60, clock)
    kept: list[bool] = []

    def interrupted_clock() -> float:
        limit._clock = clock
        kept.append(limit.filter(record("from the signal handler")))
        return clock()

    limit._clock = interrupted_clock
    counting = threading.Thread(target=lambda: kept.append(limit.filter(record())), daemon=True)
    counting.start()
    counting.join(10)
    assert kept == [True, True]
