"""
Tests against the real packages, in a project of their own.

`../test_integrations.py` runs them with the settings of that project; with others there is nothing to collect.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache

from security_logging.events.event import SecurityEvent
from security_logging.internal.errors import internal_errors

if os.environ.get("DJANGO_SETTINGS_MODULE") != "integrationsite.settings":
    collect_ignore_glob = ["test_*"]

ADDRESS = "203.0.113.7"
SHOWN = ("surface", "reason", "user", "status", "known", "target", "change")


class Lines:
    """What was logged since the last look, without what is the same in all lines."""

    def __init__(self, events: list[SecurityEvent]) -> None:
        """Watch the list."""
        self.events = events

    def __call__(self) -> list[str]:
        """Return the lines, and forget them."""
        told = [" ".join([event.type.name, *_fields(event)]) for event in self.events]
        addresses = {event.address for event in self.events if event.type.event_class != "account"}
        self.events.clear()
        assert addresses <= {ADDRESS}
        return told


def _fields(event: SecurityEvent) -> list[str]:
    found = {name: event.fields[name] for name in SHOWN if event.fields.get(name, "-") != "-"}
    return [f"{name}={value}" for name, value in found.items()]


@pytest.fixture
def lines(captured: list[SecurityEvent]) -> Lines:
    """Return a function that returns what was logged since it was called last."""
    return Lines(captured)


@pytest.fixture
def client() -> Any:
    """Return a client with an address that may be banned."""
    from django.test import Client

    return Client(REMOTE_ADDR=ADDRESS)


@pytest.fixture
def alice(db: None, lines: Lines) -> Any:
    """Return a user with a password."""
    from django.contrib.auth.models import User

    user = User.objects.create_user("alice", "alice@example.com", "right")
    lines()
    return user


@pytest.fixture(autouse=True)
def _nothing_fails(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let an error of ours, which log_event only reports, fail the test, unless the test makes one."""
    before = dict(internal_errors)
    yield
    assert request.node.name.startswith("test_failure") or internal_errors == before


@pytest.fixture(autouse=True)
def _no_limits_reached() -> Iterator[None]:
    """Forget what the packages have counted in the cache."""
    cache.clear()
    yield
    cache.clear()
