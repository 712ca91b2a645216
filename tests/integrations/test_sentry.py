"""Sentry: what the real SDK sends to a Sentry on loopback, and what it does not."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from typing import Any

import pytest

from log_records import EVENT, event_record, record
from security_logging.events import types as event_types
from security_logging.events.event import make_event
from security_logging.events.fields import FIELDS
from security_logging.events.types import EVENT_TYPES
from security_logging.integrations.sentry import IMPERSONAL, is_alert, sentry_options
from sentry_server import Sentry, sentry

# The SDK patches logging for the whole process, so it runs in one of its own.
_PROLOGUE = """
import logging, os, sys, django
django.setup()
logging.getLogger().addHandler(logging.NullHandler())
import sentry_sdk
from security_logging.logger import log_event
from security_logging.integrations.sentry import sentry_options
sentry_sdk.init(**sentry_options(dsn=os.environ["DSN"], environment="test", **OPTIONS))
"""
PERSONAL = ("203.0.113.7", "alice", "/users/alice/", "curl/8")
ATTEMPT = """
log_event("login_failed", ip="203.0.113.7", reason="bad_credentials", surface="admin", user="alice",
          path="/users/alice/", agent="curl/8", method="POST")
"""


def sent(code: str, **options: Any) -> Sentry:
    """Return the Sentry that has received what the code made the SDK send."""
    with sentry() as server:
        program = f"OPTIONS = {options!r}{_PROLOGUE}{code}\nsentry_sdk.flush(5)"
        environment = {**os.environ, "DSN": server.dsn, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        environment |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        quiet = "ignore:The send_default_pii:DeprecationWarning"  # see sentry_options
        command = [sys.executable, "-W", quiet, "-c", program, "--secret-argument"]
        run = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=60)
        assert (run.returncode, run.stderr) == (0, "")
        return server


@pytest.fixture(scope="module")
def failed_login() -> Sentry:
    """Return what a failed login leaves in Sentry."""
    return sent(ATTEMPT)


def test_event_is_a_log(failed_login: Sentry) -> None:
    """A security event is one structured log with a constant body and attributes in ECS names."""
    ((body, attributes),) = failed_login.logs()
    names = ("event.action", "event.outcome", "event.reason", "labels.surface", "http.request.method")
    assert (body, [attributes[name] for name in names]) == (
        "login_failed",
        ["login_failed", "failure", "bad_credentials", "admin", "POST"],
    )


def test_event_is_no_issue(failed_login: Sentry) -> None:
    """A failed login opens no issue: an attacker could open thousands."""
    assert failed_login.of_type("event") == []


@pytest.mark.parametrize("text", PERSONAL)
def test_no_personal_data(failed_login: Sentry, text: str) -> None:
    """Nothing that says who it was leaves the site."""
    assert text.encode() not in failed_login.raw


def test_personal_data_on_request() -> None:
    """Who has to see it in Sentry can."""
    ((_, attributes),) = sent(ATTEMPT, personal_data=True).logs()
    names = ("source.ip", "user.name", "url.path", "user_agent.original")
    assert [attributes[name] for name in names] == list(PERSONAL)


def test_alert_is_an_issue() -> None:
    """What our own watching has found becomes an issue, grouped by its kind."""
    (issue,) = sent('log_event("logging_degraded", sink="cloudwatch", dropped=7)').of_type("event")
    found = {"fingerprint": issue["fingerprint"], "tags": issue["tags"], "dropped": issue["extra"]["labels.dropped"]}
    assert found == {
        "fingerprint": ["security_logging", "logging_degraded"],
        "tags": {"event.action": "logging_degraded", "surface": "-"},
        "dropped": 7,
    }


_APPLICATION = """
shop = logging.getLogger("shop")
secret = "hunter2"
def view():
    password = secret
    raise ValueError("out of stock")
sentry_sdk.set_user({"email": "alice@example.com", "ip_address": "203.0.113.7"})
LOGIN
try:
    view()
except ValueError:
    shop.exception("order of %s failed", "alice", extra={"api_token": "hunter2", "cart": 7})
"""


@pytest.fixture(scope="module")
def application_error() -> Sentry:
    """Return what an error of the application leaves in Sentry, after a failed login."""
    return sent(_APPLICATION.replace("LOGIN", ATTEMPT.replace("\n          ", " ")))


def test_error_is_an_issue(application_error: Sentry) -> None:
    """An error of the application is an issue as ever, with its exception."""
    (issue,) = application_error.of_type("event")
    assert (issue["exception"]["values"][-1]["value"], issue["extra"]["cart"]) == ("out of stock", 7)


@pytest.mark.parametrize("text", ["hunter2", "alice", "203.0.113.7", "--secret-argument"])
def test_scrubbed(application_error: Sentry, text: str) -> None:
    """No secret, person, address or command line is in an issue, its breadcrumbs or the logs."""
    items = [
        {name: value for name, value in item.items() if name != "exception"} for _, item in application_error.items
    ]
    assert text not in json.dumps(items)


def test_local_variables(application_error: Sentry) -> None:
    """The variables of stack frames stay at home."""
    (issue,) = application_error.of_type("event")
    frames = issue["exception"]["values"][-1]["stacktrace"]["frames"]
    assert [frame for frame in frames if frame.get("vars")] == []


def test_constant_message(application_error: Sentry) -> None:
    """A log of the application has its message before the arguments, which may name people."""
    bodies = [body for body, _ in application_error.logs()]
    assert bodies == ["login_failed", "order of %s failed"]


def test_breadcrumb(application_error: Sentry) -> None:
    """The failed login before the error is a breadcrumb without its line."""
    (issue,) = application_error.of_type("event")
    crumbs = [crumb["message"] for crumb in issue["breadcrumbs"]["values"]]
    assert crumbs == ["login_failed"]


def test_suspicious_operation() -> None:
    """What Django's own security loggers report opens no issue: our events say it."""
    assert sent('logging.getLogger("django.security.DisallowedHost").error("x")').of_type("event") == []


def test_captured_exception() -> None:
    """An exception that no logger has seen is an issue too, with no more of the request than its method."""
    (issue,) = sent(
        'sentry_sdk.get_isolation_scope().add_event_processor(lambda e, h: {**e, "request": '
        '{"method": "GET", "url": "http://x/?token=hunter2", "headers": {"Cookie": "hunter2"}}})\n'
        "sentry_sdk.capture_exception(ValueError('x'))"
    ).of_type("event")
    assert issue["request"] == {"method": "GET"}


# The same, in this process and without the SDK: what each hook lets through.


def issue(made: logging.LogRecord | None, found: dict[str, Any], **options: bool) -> Any:
    """Return what becomes of an issue that the record would open."""
    return sentry_options(**options)["before_send"](found, {"log_record": made})


def test_hook_for_issues() -> None:
    """Of an error nothing personal is left, of its extras nothing that is no plain value."""
    found = {
        "logentry": {"message": "order of %s", "formatted": "order of alice", "params": ["alice"]},
        "extra": {"sys.argv": ["x"], "token": "hunter2", "cart": 7, "request": object()},
        "user": {"email": "alice@example.com"},
        "request": {"method": "GET", "cookies": {}},
        "modules": {"django": "5.2"},
    }
    assert issue(record(), found) == {
        "logentry": {"message": "order of %s"},
        "extra": {"token": "[Filtered]", "cart": 7},
        "request": {"method": "GET"},
    }


def test_hook_for_exceptions() -> None:
    """What no logger has seen has no message that could be scrubbed."""
    assert issue(None, {"exception": {"values": []}}) == {"exception": {"values": []}, "extra": {}, "request": {}}


def test_hook_for_issues_with_personal_data() -> None:
    """With personal data user and request stay; secrets do not."""
    found = {"extra": {"token": "hunter2"}, "user": {"id": 7}, "request": {"url": "/"}}
    assert issue(None, found, personal_data=True) == {**found, "extra": {"token": "[Filtered]"}}


def test_hook_for_events() -> None:
    """A failed login and what Django says of it open no issue; an alert does."""
    alert = make_event(event_types.LOGGING_DEGRADED, sink="file", dropped=7)
    made = [event_record(), record(name="django.security.DisallowedHost"), event_record(alert)]
    found = [issue(each, {}) for each in made]
    assert (found[:2], found[2]["logentry"]["message"]) == (
        [None, None],
        f"logging_degraded: {event_types.LOGGING_DEGRADED.meaning}",
    )


def test_hook_for_logs() -> None:
    """A log of the application keeps its constant message and its plain attributes."""
    attributes = {"sentry.message.template": "%s", "sentry.message.parameter.0": "alice", "user.id": 7, "cart": 7}
    found = sentry_options()["before_send_log"]({"body": "alice", "attributes": attributes}, {})
    assert found == {"body": "%s", "attributes": {"sentry.message.template": "%s", "cart": 7}}


def test_hook_for_logs_of_events() -> None:
    """The log of an event is its name and what may be said of it."""
    attributes = {"security_event": EVENT, "sentry.origin": "x", "code.file.path": "/srv/shop/views.py"}
    found = sentry_options()["before_send_log"]({"body": "line", "attributes": attributes}, {})
    assert (found["body"], sorted(found["attributes"])) == (
        "login_failed",
        [
            *("event.action", "event.code", "event.id", "event.outcome", "event.reason", "event.severity"),
            *("labels.surface", "sentry.origin"),
        ],
    )


def test_hook_for_breadcrumbs() -> None:
    """A breadcrumb of an event is its name, that of a log record its constant message."""
    keep = sentry_options()["before_breadcrumb"]
    found = [keep({"message": "x"}, {"log_record": made}) for made in (event_record(), record("%s", "alice"))]
    assert [crumb["message"] for crumb in found] == ["login_failed", "%s"]


def test_options_win() -> None:
    """Options of the project's own win over ours."""
    assert sentry_options(enable_logs=False, dsn="x")["enable_logs"] is False


def test_other_breadcrumbs() -> None:
    """A breadcrumb that is no log record stays as it is."""
    crumb = {"category": "http", "message": "GET"}
    assert sentry_options()["before_breadcrumb"](crumb, {}) == crumb


def test_personal_breadcrumb_and_log() -> None:
    """With personal data, messages keep their arguments."""
    code = 'logging.getLogger("shop").warning("hello %s", "alice")\nsentry_sdk.capture_message("x")'
    (issue,) = sent(code, personal_data=True).of_type("event")
    assert issue["breadcrumbs"]["values"][0]["message"] == "hello alice"


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda event_type: event_type.name)
def test_alerts(event_type: event_types.EventType) -> None:
    """Alerts are what is CRITICAL, and errors that our own watching derives."""
    expected = event_type.level >= logging.CRITICAL or event_type in (
        event_types.LOGGING_DEGRADED,
        event_types.WRONG_ADDRESS_SUSPECTED,
    )
    assert is_alert(make_event(event_type)) is expected


def test_impersonal_fields_exist() -> None:
    """Each field that may be sent is one of the vocabulary."""
    assert IMPERSONAL - FIELDS.keys() == set()
