"""The one way into the security log: what an event is made of, and what becomes of a mistake."""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import os
import re
import sys
import time
from collections.abc import Iterator
from logging.config import dictConfig
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings
from rest_framework.request import Request

from security_logging import logger
from security_logging.events.event import SecurityEvent
from security_logging.events.line import render_message
from security_logging.events.types import BANNED, HEARTBEAT, LOGIN, LOGIN_FAILED, LOGOUT, PROBE, EventType
from security_logging.formatters.security import SecurityLineFormatter, event_of
from security_logging.handlers import SecurityFileHandler
from security_logging.internal import errors as our_reports
from security_logging.internal import process as lifecycle
from security_logging.internal.errors import guarded, report
from security_logging.logger import MAX_EVENTS_OF_REQUEST, events_of, log_event, plain_request
from security_logging.middleware import SecurityLoggingMiddleware
from security_logging.request import surface

ADDRESS = "203.0.113.7"
SECRET = "hunter2"


class _Keeper(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__()
        self.records = records

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def request_() -> HttpRequest:
    """Return a request to an admin login page."""
    return RequestFactory().post("/admin/login/", REMOTE_ADDR=ADDRESS, HTTP_USER_AGENT="curl/8")


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[logging.LogRecord]]:
    """Yield the list that each record of our internal logger is added to; nothing was reported before."""
    monkeypatch.setattr(our_reports, "_reported", {})
    monkeypatch.setattr(our_reports, "internal_errors", {})
    records: list[logging.LogRecord] = []
    handler = _Keeper(records)
    our_reports.internal.addHandler(handler)
    yield records
    our_reports.internal.removeHandler(handler)


def _logged(event_type: EventType | str, *arguments: Any, **fields: Any) -> dict[str, object]:
    event = log_event(event_type, *arguments, **fields)
    assert event is not None
    return dict(event.fields)


def test_record(security_records: list[logging.LogRecord], request_: HttpRequest) -> None:
    """An event is a record of its class's logger, at its type's level, that carries the event and its line."""
    event = log_event(LOGIN_FAILED, request_, user="alice")
    (record,) = security_records
    assert event is not None
    assert (record.name, record.levelno, record.getMessage()) == ("security.auth", 30, render_message(event))
    assert event_of(record) is event


@pytest.mark.parametrize(
    ("event_type", "name"), [(LOGIN, "auth"), (PROBE, "probe"), (BANNED, "response"), (HEARTBEAT, "system")]
)
def test_logger_of_the_class(security_records: list[logging.LogRecord], event_type: EventType, name: str) -> None:
    """Each class of events has a logger of its own."""
    log_event(event_type)
    assert [record.name for record in security_records] == [f"security.{name}"]


def test_logger_of_the_project(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The project chooses below which logger."""
    settings.SECURITY_LOGGING_LOGGER_NAME = "audit.trail"
    log_event(LOGIN_FAILED)
    assert [record.name for record in caplog.records] == ["audit.trail.auth"]


def test_level_that_is_not_wanted(security_records: list[logging.LogRecord], monkeypatch: pytest.MonkeyPatch) -> None:
    """A level that the project does not want is not written, and no mistake."""
    monkeypatch.setattr(logging.getLogger("security.auth"), "level", logging.WARNING)
    logging.getLogger("security.auth").manager._clear_cache()  # type: ignore[attr-defined]  # as setLevel() does
    event = log_event(LOGIN)
    logging.getLogger("security.auth").manager._clear_cache()  # type: ignore[attr-defined]  # the next is as before
    assert (event is None, security_records) == (False, [])


def test_logger_that_is_disabled(security_records: list[logging.LogRecord], reports: list[logging.LogRecord]) -> None:
    """Who configures logging anew, and disables what that does not name, silences neither us nor our reports."""
    logging.getLogger("security.auth")  # which exists by then
    dictConfig({"version": 1})
    log_event(LOGIN_FAILED)
    log_event(LOGIN_FAILED)
    assert [record.name for record in security_records] == ["security.auth", "security.auth"]
    told = 'security.auth was disabled, and is enabled again: write "disable_existing_loggers": False into LOGGING'
    assert [record.getMessage() for record in reports] == [f"{told}, 1 times in this process"]


def test_logging_that_is_disabled(security_records: list[logging.LogRecord]) -> None:
    """Who switches all logging off with `logging.disable` has it off."""
    logging.disable(logging.CRITICAL)
    event = log_event(LOGIN_FAILED)
    logging.disable(logging.NOTSET)
    assert (event is None, security_records) == (False, [])


def test_name_of_the_event_type() -> None:
    """An event type may be given by its name."""
    event = log_event("login_failed")
    assert event is not None
    assert event.type is LOGIN_FAILED


def test_what_a_request_says(request_: HttpRequest) -> None:
    """From the request come the address, the surface and what the client sent, without an identifier here."""
    fields = _logged(LOGIN_FAILED, request_, reason="bad_credentials", user="alice")
    assert len(str(fields.pop("request_id"))) == 32
    assert fields == {
        "ip": ADDRESS,
        "net": ADDRESS,
        "surface": "admin",
        "reason": "bad_credentials",
        "user": "alice",
        "method": "POST",
        "path": "/admin/login/",
        "agent": "curl/8",
    }


def test_only_declared_fields_are_asked_for(request_: HttpRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an event type does not declare is not looked up either."""
    assert set(_logged(BANNED, request_)) == {"ip", "net", "surface", "reason"}


def test_ipv6() -> None:
    """An IPv6 address comes with its network."""
    request = RequestFactory().get("/", REMOTE_ADDR="2001:db8:1:2::7")
    fields = _logged(PROBE, request)
    assert (fields["ip"], fields["net"]) == ("2001:db8:1:2::7", "2001:db8:1:2::/64")


def test_address_that_is_not_proven() -> None:
    """An address that must not be banned is the peer, and it is said why it is no more."""
    fields = _logged(PROBE, RequestFactory().get("/", REMOTE_ADDR="127.0.0.1"))
    assert {name: fields.get(name) for name in ("ip", "net", "peer", "ip_reason")} == {
        "ip": "-",
        "net": "-",
        "peer": "127.0.0.1",
        "ip_reason": "not_bannable",
    }


def test_peer_and_claim(settings: Any) -> None:
    """A proxy is named beside the client it speaks for; what another header claims is named as a claim."""
    settings.SECURITY_LOGGING_TRUSTED_PROXIES = ["10.0.0.0/8"]
    meta: Any = {"REMOTE_ADDR": "10.0.0.5", "HTTP_X_FORWARDED_FOR": f"198.51.100.9, {ADDRESS}"}
    fields = _logged(PROBE, RequestFactory().get("/", **meta))
    assert (fields["ip"], fields["peer"], fields["claimed"]) == (ADDRESS, "10.0.0.5", "198.51.100.9")


def test_no_request() -> None:
    """Without a request nothing is known but what is given."""
    assert _logged(LOGIN_FAILED, user="alice") == {
        "ip": "-", "net": "-", "surface": "-", "reason": "-", "user": "alice",
    }  # fmt: skip


def test_request_of_the_middleware(request_: HttpRequest) -> None:
    """Where none is passed, the request being served is taken."""
    found: list[dict[str, object]] = []

    def view(request: HttpRequest) -> HttpResponse:
        found.append(_logged(LOGIN_FAILED))
        return HttpResponse()

    SecurityLoggingMiddleware(view)(request_)
    assert found[0]["ip"] == ADDRESS


class _Raising:
    """A stand-in for the request that may not be touched, like a proxy of werkzeug outside of its context."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)


@pytest.mark.parametrize(
    "wrong",
    [SimpleNamespace(), {"request": 1}, "request", 5, _Raising()],
    ids=["object", "dict", "text", "int", "raising"],
)
def test_what_is_no_request(request_: HttpRequest, wrong: Any) -> None:
    """What a library passes on in place of a request does not hide the one that is being served."""
    found: list[dict[str, object]] = []

    def view(request: HttpRequest) -> HttpResponse:
        found.append(_logged(LOGIN_FAILED, wrong, user="alice"))
        return HttpResponse()

    SecurityLoggingMiddleware(view)(request_)
    assert (found[0]["ip"], found[0]["user"]) == (ADDRESS, "alice")


def test_plain_request(request_: HttpRequest) -> None:
    """Django's own request is found inside that of Django REST framework."""
    assert plain_request(Request(request_)) is request_
    assert plain_request(request_) is request_
    assert plain_request(None) is None


@pytest.mark.parametrize(
    ("ip", "address", "net"),
    [
        ("198.51.100.9", "198.51.100.9", "198.51.100.9"),
        ("::ffff:198.51.100.9", "198.51.100.9", "198.51.100.9"),
        ("2001:db8:1:2::7", "2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("somebody", "-", "-"),
        ("", "-", "-"),
        ("198.51.100.9 ip=8.8.8.8", "-", "-"),
    ],
)
def test_given_address(request_: HttpRequest, ip: str, address: str, net: str) -> None:
    """An address that the caller names replaces the request's; one that is none does not fall back on it."""
    fields = _logged(LOGIN_FAILED, request_, ip=ip)
    assert (fields["ip"], fields["net"], fields.get("peer"), fields.get("ip_reason")) == (address, net, None, None)


@pytest.mark.parametrize(
    ("name", "value"), [("surface", "api"), ("reason", "locked"), ("method", "PUT"), ("path", "/x/"), ("agent", "me")]
)
def test_given_value_wins(request_: HttpRequest, name: str, value: str) -> None:
    """What the caller says wins over what the request says."""
    assert _logged(LOGIN_FAILED, request_, **{name: value})[name] == value


def test_none_leaves_a_field_out(request_: HttpRequest) -> None:
    """None says nothing: the field is left out, or what the request says stays."""
    fields = _logged(LOGIN_FAILED, request_, user=None, path=None)
    assert ("user" in fields, fields["path"]) == (False, "/admin/login/")


def _fail(*arguments: object) -> Any:
    raise RuntimeError(SECRET)


def test_callable(reports: list[logging.LogRecord]) -> None:
    """A value is written as it is: a function is not called."""
    _logged(LOGIN_FAILED, user=_fail)
    assert reports == []


def test_undeclared_field(reports: list[logging.LogRecord]) -> None:
    """A field that the type does not declare is left out and reported, without an error that nobody made."""
    assert "jail" not in _logged(LOGIN_FAILED, user="alice", jail="x")
    assert [(record.getMessage(), record.exc_info) for record in reports] == [
        ("login_failed declares no field 'jail': it is left out, 1 times in this process", None)
    ]


def test_unknown_field(reports: list[logging.LogRecord]) -> None:
    """So is a field that does not exist at all."""
    assert "colour" not in _logged(LOGIN_FAILED, colour="red")
    assert len(reports) == 1


@pytest.mark.parametrize(
    ("name", "value"), [("status", "ok"), ("peer", "somebody"), ("user", _Raising())], ids=["status", "peer", "user"]
)
def test_value_that_cannot_be_written(
    reports: list[logging.LogRecord], monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    """A value that its field cannot hold costs that field, not the event, and is reported."""
    monkeypatch.setattr(_Raising, "__str__", _fail)
    fields = _logged(LOGIN_FAILED, method="PUT", **{name: value})
    assert (name in fields, fields["method"]) == (False, "PUT")
    assert reports


@pytest.mark.parametrize("event_type", ["coffee_made", "", None, 5, ["login"]])
def test_unknown_event_type(reports: list[logging.LogRecord], event_type: Any) -> None:
    """An event type that does not exist is reported; nothing is raised and nothing is logged."""
    assert log_event(event_type) is None
    assert our_reports.internal_errors == {"log_event": 1}


def test_events_of_a_request(request_: HttpRequest) -> None:
    """A request carries what was logged for it, so that one attempt is one line."""
    first, second = log_event(LOGIN_FAILED, request_), log_event(LOGOUT, request_)
    assert events_of(request_) == [first, second]


def test_many_events_of_a_request(request_: HttpRequest) -> None:
    """Of a request with very many events the last ones are remembered, so that it cannot fill the memory."""
    logged = [log_event(LOGIN_FAILED, request_, user=str(number)) for number in range(MAX_EVENTS_OF_REQUEST + 5)]
    assert events_of(request_) == logged[5:]


def test_events_of_a_new_request(request_: HttpRequest) -> None:
    """Nothing was logged for a request of which nothing was logged."""
    assert events_of(request_) == []


def test_request_that_carries_nothing(security_records: list[logging.LogRecord], reports: list[Any]) -> None:
    """A request that cannot carry anything does not cost the event."""

    class Slots:
        __slots__ = ("META",)

    request: Any = Slots()
    request.META = {"REMOTE_ADDR": ADDRESS}
    assert _logged(LOGIN_FAILED, request)["ip"] == ADDRESS
    assert len(security_records) == 1


@override_settings(SECURITY_LOGGING_TRUSTED_PROXIES=["192.0.2.1"])
@pytest.mark.parametrize(
    ("module", "name", "field"),
    [
        ("addresses.client_ip", "resolve", "ip"),
        ("request.surface", "match_of", "surface"),
        ("request.path", "match_of", "path"),
        ("request.identifier", "has_trusted_peer", "request_id"),
    ],
)
def test_part_that_raises(
    request_: HttpRequest, monkeypatch: pytest.MonkeyPatch, reports: list[Any], module: str, name: str, field: str
) -> None:
    """When one part fails, its field is missing and the others are there."""
    monkeypatch.setattr(sys.modules[f"security_logging.{module}"], name, _fail)
    request_.META["HTTP_X_REQUEST_ID"] = "x"
    fields = _logged(LOGIN_FAILED, request_, user="alice")
    assert {name for name in ("ip", "surface", "path", "request_id", "user") if fields.get(name, "-") == "-"} == {field}
    assert reports


def test_flood_control_that_raises(settings: Any, reports: list[Any], security_records: list[Any]) -> None:
    """When flood control fails, each event is written."""
    settings.SECURITY_LOGGING_FLOOD_WINDOW = "a minute"
    log_event(PROBE)
    log_event(LOGIN_FAILED)
    assert len(security_records) == 2


class _RaisingHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise RuntimeError("no")


def test_handler_that_raises(reports: list[logging.LogRecord], security_records: list[logging.LogRecord]) -> None:
    """When a handler raises, the caller gets the event, the other handlers have it, and the error is reported."""
    handler = _RaisingHandler()
    logging.getLogger("security").addHandler(handler)
    try:
        event = log_event(LOGIN_FAILED)
    finally:
        logging.getLogger("security").removeHandler(handler)
    assert (event is not None, len(security_records), len(reports)) == (True, 1, 1)


def test_report_that_raises(reports: list[logging.LogRecord]) -> None:
    """When even the report raises, the caller does not notice."""
    handler = _RaisingHandler()
    our_reports.internal.addHandler(handler)
    try:
        assert log_event("coffee_made") is None
    finally:
        our_reports.internal.removeHandler(handler)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_end_of_the_process(error: type[BaseException]) -> None:
    """What ends the process, or the worker's request for want of time, is not held up."""

    class Ending:
        def __str__(self) -> str:
            raise error

    with pytest.raises(error):
        log_event(LOGIN_FAILED, user=Ending())


def test_report(reports: list[logging.LogRecord]) -> None:
    """A failure is reported with where it happened and of which kind it was, but not with what it said."""
    guarded("somewhere")(_fail)()
    (record,) = reports
    text = logging.Formatter().format(record)
    assert text.startswith("somewhere failed, 1 times in this process\nTraceback")
    assert (text.splitlines()[-1], "in _fail" in text, SECRET in text) == ("RuntimeError", True, False)


def _fail_with(password: str) -> None:
    raise RuntimeError


def test_report_without_local_variables(reports: list[logging.LogRecord]) -> None:
    """Who adds the local variables to a report, as error mails and Sentry do, finds no password among them."""
    guarded("somewhere")(_fail_with)("hunter2")
    assert reports[0].exc_info is not None
    trace, found = reports[0].exc_info[2], []
    while trace is not None:
        found.append((trace.tb_frame.f_code.co_name, dict(trace.tb_frame.f_locals)))
        trace = trace.tb_next
    assert found == [("_fail_with", {})]


def test_reports_once_a_minute(reports: list[logging.LogRecord], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same failure is reported once a minute, with how often it happened; another one is another matter."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for seconds in (0, 30, 29, 1):
        now += seconds
        guarded("somewhere")(_fail)()
    guarded("elsewhere")(_fail)()
    assert [record.getMessage() for record in reports] == [
        "somewhere failed, 1 times in this process",
        "somewhere failed, 4 times in this process",
        "elsewhere failed, 1 times in this process",
    ]


def test_report_outside_of_an_error(reports: list[logging.LogRecord]) -> None:
    """A report without an error has no traceback."""
    report("somewhere")
    assert reports[0].exc_info is None


def test_guarded() -> None:
    """A guarded function returns what it returns, and None when it raises."""
    assert (guarded("x")(len)("four"), guarded("x")(_fail)()) == (4, None)


def test_guarded_function_keeps_its_name() -> None:
    """A guarded function has the name and the docstring of the function inside."""
    assert (log_event.__name__, (log_event.__doc__ or "").split()[0]) == ("log_event", "Log")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_guard_lets_the_process_end(error: type[BaseException]) -> None:
    """What ends the process, or the worker's request for want of time, passes a guard."""

    @guarded("x")
    def end() -> None:
        raise error

    with pytest.raises(error):
        end()


@pytest.mark.parametrize("events", [None, [], "off", {"login_failed": True}, {"probe.*": False}, {"auth.*": True}])
def test_wanted(settings: Any, events: object) -> None:
    """An event that nobody has switched off is logged, whatever nonsense the setting is."""
    settings.SECURITY_LOGGING_EVENTS = events
    assert log_event(LOGIN_FAILED) is not None


def test_event_that_is_switched_off(
    settings: Any, request_: HttpRequest, security_records: list[logging.LogRecord]
) -> None:
    """An event that is switched off is not written, but known to have happened."""
    settings.SECURITY_LOGGING_EVENTS = {"auth.*": False}
    assert (log_event(LOGIN_FAILED, request_), security_records) == (None, [])
    assert [event.type for event in events_of(request_)] == [LOGIN_FAILED]


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens to the signal, it is not sent."""
    monkeypatch.setattr(logger, "_send", _fail)
    assert isinstance(log_event(LOGIN_FAILED), SecurityEvent)


def test_surface_of_the_view_that_is_served(request_: HttpRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A surface that the caller knows is not looked up."""
    monkeypatch.setattr(surface, "match_of", _fail)
    assert _logged(BANNED, request_, surface="api")["surface"] == "api"


def test_nothing_to_report(reports: list[logging.LogRecord]) -> None:
    """Nothing is reported when nothing fails."""
    log_event(LOGIN_FAILED, user="alice")
    assert reports == []


def test_system_without_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows, where no process forks, there is nothing to prepare for it."""
    registered: list[object] = []
    monkeypatch.delattr(os, "register_at_fork")
    monkeypatch.setattr(atexit, "register", registered.append)
    monkeypatch.setattr(lifecycle, "speak_at_sigterm", lambda: None)  # not in the process of the tests
    logger.connect()
    assert registered == [logger.write_folded]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_child_of_multiprocessing(tmp_path: Path) -> None:
    """A child of multiprocessing leaves without atexit, and writes before how many lines it has folded."""
    written = tmp_path / "security.log"
    handler = SecurityFileHandler(written)
    handler.setFormatter(SecurityLineFormatter())
    probes = logging.getLogger("security.probe")
    probes.addHandler(handler)
    try:
        child = multiprocessing.get_context("fork").Process(target=_be_probed, args=(30,))
        child.start()
        child.join(20)
    finally:
        probes.removeHandler(handler)
    lines = written.read_text("ascii").splitlines()
    counts = [int(found[1]) for line in lines if (found := re.search(r" count=(\d+)", line))]
    assert len(lines) - len(counts) + sum(counts) == 30


def _be_probed(count: int) -> None:
    for _ in range(count):
        log_event(PROBE, ip="203.0.113.7", reason="bait")
