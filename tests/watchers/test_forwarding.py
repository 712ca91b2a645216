"""Who forwards for others without being trusted is told, once in a while."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client, RequestFactory, override_settings

from clock import Clock
from security_logging.events.event import SecurityEvent
from security_logging.events.type_registry import MODES, counted
from security_logging.events.types import UNTRUSTED_FORWARDING
from security_logging.logger import log_event
from security_logging.watchers import forwarding
from security_logging.watchers.forwarding import ForwardingWatch

PEER = "203.0.113.7"


@pytest.fixture
def watch(clock: Clock) -> ForwardingWatch:
    """Return a watch that has told nothing yet."""
    return ForwardingWatch(clock)


def forwarded(claim: str = "198.51.100.1", peer: str = PEER) -> Any:
    """Return a request whose peer names another client."""
    return RequestFactory().get("/", headers={"X-Forwarded-For": claim}, REMOTE_ADDR=peer)


def test_told(watch: ForwardingWatch, captured: list[SecurityEvent]) -> None:
    """The line names the peer as its address, and the claim as a claim."""
    watch.look_at(forwarded())
    event = captured[0]
    found = [str(event.fields[name]) for name in ("ip", "claimed", "reason")]
    assert (event.type.name, found) == ("untrusted_forwarding", [PEER, "198.51.100.1", "untrusted_peer"])


def test_told_once(watch: ForwardingWatch, captured: list[SecurityEvent]) -> None:
    """A proxy that is not trusted sends every request: it is told once in an hour."""
    for _ in range(100):
        watch.look_at(forwarded())
    assert len(captured) == 1


def test_told_again(watch: ForwardingWatch, clock: Clock, captured: list[SecurityEvent]) -> None:
    """After an hour it is told again."""
    watch.look_at(forwarded())
    clock.now += 3600
    watch.look_at(forwarded())
    assert len(captured) == 2


def test_each_peer(watch: ForwardingWatch, captured: list[SecurityEvent]) -> None:
    """Each peer is told."""
    watch.look_at(forwarded())
    watch.look_at(forwarded(peer="203.0.113.8"))
    assert [event.address for event in captured] == [PEER, "203.0.113.8"]


def test_one_network(watch: ForwardingWatch, captured: list[SecurityEvent]) -> None:
    """Who holds a /64 cannot write a line with each of its addresses."""
    for number in range(1, 100):
        watch.look_at(forwarded(peer=f"2001:db8::{number:x}"))
    assert [event.fields["net"] for event in captured] == ["2001:db8::/64"]


def test_no_address(watch: ForwardingWatch, captured: list[SecurityEvent]) -> None:
    """Texts that are no address, which uvicorn takes from the client if told to trust everybody, are one peer."""
    for number in range(100):
        watch.look_at(forwarded(peer=f"unix:{number}"))
    assert [event.fields["ip"] for event in captured] == ["-"]


def test_bounded(
    watch: ForwardingWatch, clock: Clock, captured: list[SecurityEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many networks there are, no more than that are remembered and told in an hour."""
    monkeypatch.setattr(forwarding, "MAX_NETS", 2)
    for number in (1, 2, 3, 1, 4):
        watch.look_at(forwarded(peer=f"203.0.113.{number}"))
    clock.now += 3600
    watch.look_at(forwarded(peer="203.0.113.5"))
    assert [event.address for event in captured] == ["203.0.113.1", "203.0.113.2", "203.0.113.5"]


@pytest.mark.parametrize(
    ("settings", "request_"),
    [
        ({"TRUSTED_PROXIES": [PEER]}, forwarded()),
        ({"TRUSTED_PROXIES": ["unix:"]}, forwarded(peer="")),
        ({"CLIENT_IP_RESOLVER": "attacked_site.visitor"}, forwarded()),
        ({"TRUSTED_PROXIES": [PEER]}, forwarded(claim="x")),
        ({}, forwarded(claim=PEER)),
        ({}, forwarded(claim=f"198.51.100.1, {PEER}")),
        ({}, forwarded(claim=f"[2001:db8::1]:443, ::ffff:{PEER}")),
    ],
    ids=[
        "trusted",
        "trusted socket",
        "own function",
        "trusted, broken",
        "rewritten",
        "rewritten, with a claim",
        "rewritten, mapped",
    ],
)
def test_not_told(
    settings: dict[str, Any], request_: Any, watch: ForwardingWatch, captured: list[SecurityEvent]
) -> None:
    """A trusted peer may forward, and a server that put the client into REMOTE_ADDR has forwarded already."""
    with override_settings(**{f"SECURITY_LOGGING_{name}": value for name, value in settings.items()}):
        watch.look_at(request_)
    assert captured == []


def test_request_with_another_line(watch: ForwardingWatch, captured: list[SecurityEvent]) -> None:
    """A request that has left a line anyway is not told twice: that line has the claim."""
    request = forwarded()
    log_event("login_failed", request)
    watch.look_at(request)
    assert [event.type.name for event in captured] == ["login_failed"]


def test_after_another_line(watch: ForwardingWatch, captured: list[SecurityEvent]) -> None:
    """Its peer's next request is told."""
    request = forwarded()
    log_event("login_failed", request)
    watch.look_at(request)
    watch.look_at(forwarded())
    assert [event.type.name for event in captured] == ["login_failed", "untrusted_forwarding"]


@pytest.mark.parametrize(
    "claim", ["198.51.100.1", "x", "", "203.0.113.8, x,", "\n203.0.113.7 ip=8.8.8.8", "," * 99_999]
)
def test_hostile_header(claim: str, watch: ForwardingWatch, captured: list[SecurityEvent]) -> None:
    """Whatever the header holds, the line names the peer and nobody else as its address."""
    watch.look_at(forwarded(claim))
    assert [event.address for event in captured] == [PEER]


def test_one_look(watch: ForwardingWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a trusted proxy only the first page of an hour pays for the look at the proxies."""
    asked = Mock(return_value=True)
    monkeypatch.setattr(forwarding, "has_listed_peer", asked)
    for _ in range(3):
        watch.look_at(forwarded())
    assert asked.call_count == 1


def test_bounded_memory_of_peers(watch: ForwardingWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who holds a /64 fills no memory with its addresses either."""
    monkeypatch.setattr(forwarding, "MAX_NETS", 2)
    for number in range(1, 10):
        watch.look_at(forwarded(peer=f"2001:db8::{number:x}"))
    assert len(watch._settled) == 2


def test_never_counted() -> None:
    """No mode of Fail2ban counts it: behind a proxy that was forgotten all visitors have its address."""
    assert UNTRUSTED_FORWARDING not in {event_type for mode in MODES for event_type in counted(mode)}


@override_settings(SECURITY_LOGGING_CLIENT_IP_HEADER="X-Real-IP")
def test_other_header() -> None:
    """The header that counts is the one that the settings name."""
    assert ForwardingWatch().key == "HTTP_X_REAL_IP"


@pytest.mark.parametrize(("headers", "expected"), [({"X-Forwarded-For": "198.51.100.1"}, 1), ({"X-Real-IP": "x"}, 0)])
def test_middleware(headers: dict[str, str], expected: int, captured: list[SecurityEvent]) -> None:
    """The middleware looks at each request that has the header, and at no other."""
    client = Client(REMOTE_ADDR=PEER)
    client.get("/", headers=headers)
    client.get("/", headers=headers)
    assert len(captured) == expected


def test_async_middleware(captured: list[SecurityEvent]) -> None:
    """Under ASGI too."""
    async_to_sync(AsyncClient().get)("/", headers={"X-Forwarded-For": "198.51.100.1"})
    assert [event.type.name for event in captured] == ["untrusted_forwarding"]
