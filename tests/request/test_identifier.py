"""The identifier that all lines of one request share."""

from __future__ import annotations

import re

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client, RequestFactory, override_settings

from security_logging.events.event import SecurityEvent
from security_logging.logger import log_event
from security_logging.request.identifier import request_id_of

PROXY, CLIENT = "10.0.0.5", "203.0.113.7"
GENERATED = re.compile(r"[0-9a-f]{32}")


def id_of(given: str, peer: str) -> str:
    """Return the identifier of a request from that peer with that X-Request-ID."""
    return request_id_of(RequestFactory().get("/", headers={"X-Request-ID": given}, REMOTE_ADDR=peer))


@override_settings(SECURITY_LOGGING_TRUSTED_PROXIES=[PROXY])
def test_taken_over_from_a_trusted_proxy() -> None:
    """What a trusted proxy calls the request is its identifier."""
    assert id_of("req-4711.a_B", PROXY) == "req-4711.a_B"


@override_settings(SECURITY_LOGGING_TRUSTED_PROXIES=["unix:"])
def test_taken_over_from_a_unix_socket() -> None:
    """A trusted unix socket has no address."""
    assert id_of("req-4711", "") == "req-4711"


@override_settings(SECURITY_LOGGING_TRUSTED_PROXIES=[PROXY], SECURITY_LOGGING_REQUEST_ID_HEADER="X-Amzn-Trace-Id")
def test_other_header() -> None:
    """The setting names the one header that is read."""
    assert GENERATED.fullmatch(id_of("req-4711", PROXY))


@pytest.mark.parametrize(
    ("given", "peer"),
    [
        ("req-4711", CLIENT),
        ("req-4711", "unix:"),
        ("", PROXY),
        ("a" * 65, PROXY),
        ("a b", PROXY),
        ('a" ip=8.8.8.8', PROXY),
        ("a\nlogin_failed", PROXY),
        ("a\n", PROXY),
        ("ä", PROXY),
        ("\u0663", PROXY),
    ],
)
@override_settings(SECURITY_LOGGING_TRUSTED_PROXIES=[PROXY, "unix:"])
def test_made_otherwise(given: str, peer: str) -> None:
    """From anybody else, and where it is not well formed, the identifier is not taken over."""
    assert GENERATED.fullmatch(id_of(given, peer))


def test_one_for_each_request() -> None:
    """Two requests have two identifiers."""
    assert id_of("", CLIENT) != id_of("", CLIENT)


def test_kept_on_the_request() -> None:
    """Asked again, a request has the same identifier, which a project reads as an attribute."""
    request = RequestFactory().get("/")
    assert request_id_of(request) == request_id_of(request) == request.security_logging_id  # type: ignore[attr-defined]


def test_in_all_lines_of_a_request(captured: list[SecurityEvent]) -> None:
    """Two events of one request have the same identifier."""
    request = RequestFactory().get("/")
    log_event("login_failed", request)
    log_event("probe", request)
    assert {event.fields["request_id"] for event in captured} == {request_id_of(request)}


@override_settings(
    SECURITY_LOGGING_REQUEST_ID_RESPONSE_HEADER="X-Request-ID", SECURITY_LOGGING_TRUSTED_PROXIES=[CLIENT]
)
def test_in_the_answer() -> None:
    """When the setting says so, the answer names its request."""
    response = Client(REMOTE_ADDR=CLIENT).get("/", headers={"X-Request-ID": "req-4711"})
    assert response.headers["X-Request-ID"] == "req-4711"


@override_settings(SECURITY_LOGGING_REQUEST_ID_RESPONSE_HEADER="X-Request-ID")
def test_in_the_answer_of_an_async_server() -> None:
    """Under ASGI too."""
    response = async_to_sync(AsyncClient().get)("/")
    assert GENERATED.fullmatch(response.headers["X-Request-ID"])


def test_not_in_the_answer() -> None:
    """Without the setting an answer is left as it is."""
    assert "X-Request-ID" not in Client().get("/").headers
