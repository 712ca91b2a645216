"""What the pages show works, and prints what they show."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.checks import CheckMessage
from django.core.management import call_command
from django.test import RequestFactory, override_settings

from documented import blocks, page, shown
from security_logging import log_event
from security_logging.checks.registry import check_settings
from security_logging.events.event import SecurityEvent
from security_logging.request.user_names import POLICIES
from security_logging.signals import security_event

MAILER = "django.core.mail.backends.locmem.EmailBackend"


def run(code: str, names: dict[str, Any] | None = None) -> dict[str, Any]:
    """Run the code; return the names that it defines."""
    defined: dict[str, Any] = {} if names is None else names
    exec(compile(code, "documentation", "exec", dont_inherit=True), defined)  # noqa: S102 (our own pages)
    return defined


def complaints(code: str) -> list[CheckMessage]:
    """Return what the system checks say of settings that a page shows."""
    with override_settings(**settings_of(code)):
        return check_settings()


def settings_of(code: str) -> dict[str, Any]:
    """Return the settings that the code makes."""
    return {name: value for name, value in run(code).items() if name.isupper()}


@pytest.fixture
def shop(own_event_types: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Yield the names of the app that docs/extending.md builds, started, and taken down afterwards."""
    monkeypatch.setattr(security_event, "receivers", list(security_event.receivers))
    names: dict[str, Any] = {}
    for code in blocks("extending.md", "python"):
        run(code, names)
    names["ShopConfig"].ready(None)
    yield names
    security_event.sender_receivers_cache.clear()


@pytest.mark.django_db
def test_account_changes(captured: list[SecurityEvent]) -> None:
    """docs/accounts.md: the changes become these lines."""
    run(blocks("accounts.md", "python")[0])
    assert shown(captured) == blocks("accounts.md", "")[0]


@pytest.mark.parametrize(("page", "block"), [("accounts.md", 1), ("privacy.md", 0), ("privacy.md", 1)])
def test_settings(page: str, block: int) -> None:
    """Settings that a page shows pass the system checks."""
    assert complaints(blocks(page, "python")[block]) == []


@pytest.mark.django_db
def test_names(captured: list[SecurityEvent]) -> None:
    """docs/privacy.md: a name of nobody is left out, one that exists is written."""
    User.objects.create_user("alice")
    captured.clear()
    with override_settings(**settings_of(blocks("privacy.md", "python")[1])):
        log_event("login_failed", reason="bad_credentials", user="alice")
        log_event("login_failed", reason="bad_credentials", user="correct horse")
    assert shown(captured) == blocks("privacy.md", "")[0]


def test_policies() -> None:
    """docs/privacy.md: each policy writes a name as the table says, the hash with another key."""
    rows = re.findall(r"^\| `(\w+)` \| `?(.*?)`? \|", page("privacy.md"), re.MULTILINE)
    written = {name: policy("alice") or "nothing" for name, policy in POLICIES.items()}
    assert [(name, re.sub("[0-9a-f]{24}", "", text)) for name, text in rows] == [
        (name, re.sub("[0-9a-f]{24}", "", text)) for name, text in written.items()
    ]


def test_command_of_hashes(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/privacy.md: the command prints the hash."""
    words = shlex.split(blocks("privacy.md", "")[1])
    call_command(*words[2:])
    assert capsys.readouterr().out == f"{POLICIES['hashed']('alice')}\n"


def test_event_of_a_shop(shop: dict[str, Any], rf: RequestFactory, captured: list[SecurityEvent]) -> None:
    """docs/extending.md: the view logs this line."""
    shop["redeem"](rf.post("/redeem/", {"code": "SUMMER"}, REMOTE_ADDR="203.0.113.7"))
    assert shown(captured) == blocks("extending.md", "")[0]


def test_voucher_that_exists(shop: dict[str, Any], rf: RequestFactory, captured: list[SecurityEvent]) -> None:
    """docs/extending.md: the view logs nothing of an honest customer."""
    assert (shop["redeem"](rf.post("/redeem/", {"code": "SPRING"})).status_code, captured) == (200, [])


@override_settings(MAILERS={"default": {"BACKEND": MAILER}})
def test_receiver_of_a_shop(shop: dict[str, Any]) -> None:
    """docs/extending.md: the receiver writes a mail about privileges and about nothing else."""
    log_event("logout")
    log_event("privileges_changed", target="alice", change="is_superuser")
    assert [message.body for message in mail.outbox] == ["alice: is_superuser"]


def test_test_of_a_shop(shop: dict[str, Any], rf: RequestFactory) -> None:
    """docs/extending.md: the test passes."""
    shop["test_guess"](rf)


def test_fixture_of_a_shop(shop: dict[str, Any]) -> None:
    """docs/extending.md: the fixture yields what is logged."""
    running = shop["security_events"].__wrapped__()
    seen = next(running)
    log_event("logout")
    assert ([event.type.name for event in seen], next(running, None)) == (["logout"], None)
