"""Every flow in which somebody tries, changes or probes something, through the real views: exactly these lines."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.contrib.sessions.models import Session
from django.http import HttpResponseBase
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.utils.encoding import force_bytes
from django.utils.http import urlencode, urlsafe_base64_encode
from django.utils.timezone import now

from security_logging.checks.missing_events import MISSING
from security_logging.events.event import SecurityEvent
from security_logging.events.line import render_message
from security_logging.events.types import LOGIN_FAILED
from security_logging.testing import capture_events
from security_logging.watchers import prior_failures

FLOWS: list[dict[str, Any]] = json.loads((Path(__file__).parent.parent / "vectors" / "flows.json").read_text("utf-8"))
ADDRESS = "203.0.113.7"
IN_ALL = ("ip", "net", "method", "path", "agent", "request_id")
MIDDLEWARE = "security_logging.middleware.SecurityLoggingMiddleware"
every_flow = pytest.mark.parametrize("flow", FLOWS, ids=[flow["name"] for flow in FLOWS])

pytestmark = [pytest.mark.django_db, pytest.mark.urls("flow_site")]


class FarAsyncClient(AsyncClient):
    """A client with an address that may be banned; Django's own has no argument for it."""

    async def request(self, **request: Any) -> Any:
        """Send the request from there, and of two Host headers the one that the flow has given."""
        hosts = [value for name, value in request["headers"] if name == b"host"]
        headers = [(name, value) for name, value in request["headers"] if name != b"host"]
        request["headers"] = [*headers, (b"host", hosts[-1])]
        return await super().request(client=(ADDRESS, 4711), **request)


@pytest.fixture
def people() -> dict[str, User]:
    """Make one user of each kind: ordinary, disabled, staff and superuser."""
    users = User.objects
    return {
        "alice": users.create_user("alice", "alice@example.com", "right"),
        "ivan": users.create_user("ivan", password="right", is_active=False),
        "stella": users.create_user("stella", password="right", is_staff=True),
        "root": users.create_superuser("root", password="right"),
    }


@every_flow
def test_sync(flow: dict[str, Any], people: dict[str, User]) -> None:
    """Under WSGI a flow leaves exactly its lines."""
    response, events = run_flow(Client, flow, people, REMOTE_ADDR=ADDRESS)
    assert (response.status_code, _lines(events)) == (flow["status"], _expected(people, flow["lines"]))


@every_flow
def test_async(flow: dict[str, Any], people: dict[str, User]) -> None:
    """Under ASGI it leaves the same."""
    response, events = run_flow(FarAsyncClient, flow, people)
    assert (response.status_code, _lines(events)) == (flow["status"], _expected(people, flow["lines"]))


FAILED = [
    flow for flow in FLOWS if any(line.startswith("login_failed") and "surface=-" not in line for line in flow["lines"])
]


@pytest.mark.parametrize("flow", FAILED, ids=[flow["name"] for flow in FAILED])
def test_failures_are_counted(flow: dict[str, Any], people: dict[str, User]) -> None:
    """Each failed login, whoever has told it, is one that the next login of the address says was before it."""
    prior_failures.counts.clear()
    with override_settings(SECURITY_LOGGING_PRIOR_FAILURES_WINDOW=60):
        _, events = run_flow(Client, flow, people, REMOTE_ADDR=ADDRESS)
        failures = [event for event in events if event.type is LOGIN_FAILED]
        request = RequestFactory().get("/", REMOTE_ADDR=ADDRESS)
        assert prior_failures.before_login("somebody else", request) == len(failures)


@every_flow
def test_without_the_middleware(flow: dict[str, Any], people: dict[str, User]) -> None:
    """Without the middleware what Django signals and records is still logged."""
    with override_settings(MIDDLEWARE=[path for path in settings.MIDDLEWARE if path != MIDDLEWARE]):
        _, events = run_flow(Client, flow, people, REMOTE_ADDR=ADDRESS)
    assert _lines(events) == _expected(people, flow.get("lines_without_middleware", flow["lines"]))


def test_missing_without_the_middleware() -> None:
    """The system check names exactly the events and reasons that the flows lose without the middleware."""
    lost = {pair for flow in FLOWS for pair in _pairs(flow["lines"]) - _pairs(_without(flow))}
    wholly = {missing.event for missing in MISSING if not missing.app and not missing.reasons}
    named = {(missing.event, reason) for missing in MISSING if not missing.app for reason in missing.reasons}
    assert {pair for pair in lost if pair[0] not in wholly} == named
    assert {event for event, _ in lost} - {event for event, _ in named} == wholly


def test_actor_missing_without_the_middleware() -> None:
    """It says that nobody knows then who changed an account."""
    accounts = [
        (line, _without(flow))
        for flow in FLOWS
        for line in flow["lines"]
        if "target_id" in line and flow["as"] == "root"
    ]
    assert [line for line, left in accounts if 'user="root"' not in line or any('user="root"' in x for x in left)] == []


def test_wholly_missing_without_the_middleware() -> None:
    """An event that the check names without a reason is in no line without the middleware."""
    wholly = {missing.event for missing in MISSING if not missing.app and not missing.reasons}
    assert wholly & {event for flow in FLOWS for event, _ in _pairs(_without(flow))} == set()


def _pairs(lines: list[str]) -> set[tuple[str, str]]:
    """Return event and reason of each line."""
    return {(line.split()[0], line.split(" reason=")[1].split()[0]) for line in lines}


def _without(flow: dict[str, Any]) -> list[str]:
    lines: list[str] = flow.get("lines_without_middleware", flow["lines"])
    return lines


def run_flow(
    kind: type[Client | AsyncClient], flow: dict[str, Any], people: dict[str, User], **defaults: Any
) -> tuple[HttpResponseBase, list[SecurityEvent]]:
    """Send the requests of a flow; return the last answer and the events that led to it."""
    client = kind(enforce_csrf_checks=flow.get("csrf", False), raise_request_exception=False, **defaults)
    names = _names(people)
    with override_settings(**flow.get("settings", {})):
        if "as" in flow:
            client.force_login(people[flow["as"]])
        if "before" in flow:
            _send(client, {"method": "GET", "path": flow["before"]}, names)
        client.cookies.load({**flow.get("cookies", {}), **_broken_session(flow)})
        with capture_events() as events:
            return _send(client, flow, names), events


def _broken_session(flow: dict[str, Any]) -> dict[str, str]:
    """Return the cookie of a session whose stored data nobody can read."""
    if flow.get("session") != "broken":
        return {}
    Session.objects.create(session_key="k" * 32, session_data="broken", expire_date=now() + timedelta(days=1))
    return {"sessionid": "k" * 32}


def _send(client: Client | AsyncClient, flow: dict[str, Any], names: dict[str, str]) -> HttpResponseBase:
    body = urlencode(flow.get("data", {}))
    options = {"secure": flow.get("secure", False), "headers": flow.get("headers", {})}
    arguments = (flow["method"], flow["path"].format(**names), body, "application/x-www-form-urlencoded")
    if isinstance(client, AsyncClient):
        return async_to_sync(_await)(client.generic(*arguments, **options))
    return cast("HttpResponseBase", client.generic(*arguments, **options))


async def _await(response: Awaitable[HttpResponseBase]) -> HttpResponseBase:
    return await response


def _names(people: dict[str, User]) -> dict[str, str]:
    alice = people["alice"]
    uid = urlsafe_base64_encode(force_bytes(alice.pk))
    return {"uid": uid, "token": default_token_generator.make_token(alice), "alice": str(alice.pk)}


def _lines(events: list[SecurityEvent]) -> list[str]:
    """Return the lines without what is the same in all of them: address, method, path and identifiers."""
    told = [{name: event.fields[name] for name in event.fields if name not in IN_ALL} for event in events]
    lines = [render_message(replace(event, fields=fields)) for event, fields in zip(events, told, strict=True)]
    return [re.sub(r"^(\w+) ip=- net=-|(?<=[\w\"-]) id=\w+$", r"\1", line) for line in lines]


def _expected(people: dict[str, User], lines: list[str]) -> list[str]:
    """Return the expected lines with the primary keys of this run."""
    for name, user in people.items():
        lines = [line.replace(name.upper(), str(user.pk)) for line in lines]
    return lines
