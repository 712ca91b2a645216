"""Selecting events: by type, address, user, surface, time, and whether Fail2ban counts them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from security_logging.addresses.parsing import parse_network
from security_logging.events.event import SecurityEvent
from security_logging.operations.selection import Selection, moment, names_of, network_of
from written_log import START, event

FAILED = event(ip="203.0.113.7", surface="admin", user="alice", peer="10.0.0.5", claimed="198.51.100.1")
BEHIND_PROXY = event(peer="10.0.0.5", ip_reason="trusted_proxy")
CREATED = event("user_created", user="root", target="alice")


@pytest.mark.parametrize(
    ("selection", "occurrence", "expected"),
    [
        pytest.param(Selection(), FAILED, True, id="nothing special"),
        pytest.param(Selection(names=("login_failed",)), FAILED, True, id="its type"),
        pytest.param(Selection(names=("login",)), FAILED, False, id="another type"),
        pytest.param(Selection(networks=(parse_network("203.0.113.0/24"),)), FAILED, True, id="its network"),
        pytest.param(Selection(networks=(parse_network("10.0.0.5"),)), FAILED, True, id="the peer"),
        pytest.param(Selection(networks=(parse_network("198.51.100.1"),)), FAILED, True, id="the claimed address"),
        pytest.param(Selection(networks=(parse_network("2001:db8::/32"),)), FAILED, False, id="the other family"),
        pytest.param(Selection(networks=(parse_network("203.0.113.0/24"),)), CREATED, False, id="no address"),
        pytest.param(Selection(users=("alice",)), FAILED, True, id="the user"),
        pytest.param(Selection(users=("alice",)), CREATED, True, id="the user acted on"),
        pytest.param(Selection(users=("bob",)), FAILED, False, id="another user"),
        pytest.param(Selection(surfaces=("admin",)), FAILED, True, id="its surface"),
        pytest.param(Selection(surfaces=("site",)), FAILED, False, id="another surface"),
        pytest.param(Selection(since=START), FAILED, True, id="from this moment on"),
        pytest.param(Selection(since=START + timedelta(seconds=1)), FAILED, False, id="too old"),
        pytest.param(Selection(counted=True), FAILED, True, id="counted"),
        pytest.param(Selection(counted=True), BEHIND_PROXY, False, id="nobody to count it against"),
        pytest.param(Selection(counted=True), CREATED, False, id="never counted"),
    ],
)
def test_matches(selection: Selection, occurrence: SecurityEvent, expected: bool) -> None:
    """An event matches when it has all that is asked for."""
    assert selection.matches(occurrence) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", START - timedelta(seconds=90)),
        ("30m", START - timedelta(minutes=30)),
        ("2h", START - timedelta(hours=2)),
        ("1d", START - timedelta(days=1)),
        ("2w", START - timedelta(weeks=2)),
        ("2026-07-31", datetime(2026, 7, 31, tzinfo=timezone.utc)),
        ("2026-07-31T10:00:00+02:00", datetime(2026, 7, 31, 8, tzinfo=timezone.utc)),
        ("2026-07-31T10:00:00Z", datetime(2026, 7, 31, 10, tzinfo=timezone.utc)),
    ],
)
def test_moment(text: str, expected: datetime) -> None:
    """A span is counted back from now; a time without a zone is in UTC."""
    assert moment(text, START) == expected


def test_moment_of_now() -> None:
    """A span of nothing is now."""
    assert abs(moment("0s") - datetime.now(timezone.utc)) < timedelta(minutes=1)


def test_no_moment() -> None:
    """What is neither a span nor a time is refused."""
    with pytest.raises(ValueError, match=r"^'yesterday' is not a time; write 2h, 30m, 1d, or an ISO 8601 time such"):
        moment("yesterday")


@pytest.mark.parametrize(("text", "expected"), [("login", ("login",)), ("response.*", ("banned", "unbanned"))])
def test_names(text: str, expected: tuple[str, ...]) -> None:
    """A name means one event type, a class with a star all of its."""
    assert names_of(text) == expected


@pytest.mark.parametrize("text", ["logins", "response", "nothing.*"])
def test_no_names(text: str) -> None:
    """What is no event type is refused, with those that there are."""
    with pytest.raises(ValueError, match=r"is not an event type; write one of login, .* or a class such as auth\.\*"):
        names_of(text)


def test_network() -> None:
    """A single address is a network too."""
    assert str(network_of("203.0.113.7")) == "203.0.113.7/32"
