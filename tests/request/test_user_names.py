"""How user names appear in the log."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings
from pytest_django import DjangoAssertNumQueries

from security_logging import log_event
from security_logging.events import types as event_types
from security_logging.events.event import SecurityEvent
from security_logging.events.types import LOGIN, LOGIN_FAILED, PASSWORD_RESET_REQUESTED, PRIVILEGES_CHANGED
from security_logging.internal import errors
from security_logging.request import user_names

TYPED_PASSWORD = "correct horse battery staple"


@pytest.mark.parametrize(
    ("policy", "shown"),
    [
        ("plain", "alice"),
        ("masked", "a***"),
        ("hashed", "hmac:a793bc2cb0574320be5e4df4"),
        ("omit", None),
        ("plian", None),
        (None, None),
    ],
)
def test_policy(captured: list[SecurityEvent], policy: str, shown: str | None) -> None:
    """A name is written as the setting says; one that makes no sense writes none."""
    with override_settings(SECURITY_LOGGING_USER_NAMES=policy, SECRET_KEY="for this test only"):
        log_event(LOGIN, user="alice")
    assert captured[0].fields.get("user") == shown


@override_settings(SECURITY_LOGGING_USER_NAMES="masked")
def test_target(captured: list[SecurityEvent]) -> None:
    """The name of whom it was done to is a user name too."""
    log_event(PRIVILEGES_CHANGED, user="root", target="alice")
    assert (captured[0].fields["user"], captured[0].fields["target"]) == ("r***", "a***")


@pytest.mark.parametrize(
    ("policy", "shown"),
    [
        ("plain", "editors, a@example.com"),
        ("masked", "editors, a***"),
        ("omit", "editors, "),
    ],
)
@pytest.mark.parametrize("field", ["before", "after"])
def test_address_in_a_list(captured: list[SecurityEvent], policy: str, shown: str, field: str) -> None:
    """An e-mail address among what was or is the case is a user name too; other words stay."""
    with override_settings(SECURITY_LOGGING_USER_NAMES=policy):
        log_event(PRIVILEGES_CHANGED, user="root", **{field: "editors, a@example.com"})  # type: ignore[arg-type]  # a field
    assert captured[0].fields[field] == shown


@override_settings(SECURITY_LOGGING_USER_NAMES="omit")
def test_address_that_is_left_out(captured: list[SecurityEvent]) -> None:
    """Where nothing but the address was written, the field is left out with it."""
    log_event(PRIVILEGES_CHANGED, user="root", before="a@example.com")
    assert "before" not in captured[0].fields


@pytest.mark.parametrize(("name", "shown"), [("", "***"), ("bob", "***"), ("anna", "a***"), ("a@example.com", "a***")])
def test_masked(name: str, shown: str) -> None:
    """A mask keeps the first character of a name that is long enough, and nothing of its length."""
    assert user_names.masked(name) == shown


def test_hash_differs_by_name() -> None:
    """Two names have two hashes, one name has one."""
    assert user_names.hashed("alice") == user_names.hashed("alice") != user_names.hashed("bob")


def test_hash_key() -> None:
    """A key of its own keeps the hashes when SECRET_KEY changes."""
    hashes = set()
    for secret in ("one", "two"):
        with override_settings(SECRET_KEY=secret, SECURITY_LOGGING_HASH_KEY="a key of its own"):
            hashes.add(user_names.hashed("alice"))
    assert len(hashes) == 1


def test_hash_of_secret_key() -> None:
    """Without a key of its own the hashes change with SECRET_KEY: they are worth nothing without it."""
    hashes = set()
    for secret in ("one", "two"):
        with override_settings(SECRET_KEY=secret):
            hashes.add(user_names.hashed("alice"))
    assert len(hashes) == 2


def test_hash_of_a_lone_surrogate() -> None:
    """A name that is no valid text has a hash like any other."""
    assert user_names.hashed("\ud800").startswith("hmac:")


@override_settings(SECURITY_LOGGING_USER_NAMES="hashed", SECRET_KEY="")
def test_failure_leaves_the_name_out(captured: list[SecurityEvent]) -> None:
    """Where a name cannot be hashed the event is written without it."""
    log_event(LOGIN, user="alice")
    assert "user" not in captured[0].fields


@override_settings(SECURITY_LOGGING_UNKNOWN_USER_NAMES="omit")
@pytest.mark.parametrize(
    ("event_type", "expected"),
    [(LOGIN, "alice"), (LOGIN_FAILED, None), (PASSWORD_RESET_REQUESTED, None), (event_types.LOGIN_LOCKED, None)],
)
def test_unknown_policy(captured: list[SecurityEvent], event_type: event_types.EventType, expected: str | None) -> None:
    """As long as nobody knows whether the typed name exists, it is written as one that does not."""
    log_event(event_type, user="alice")
    assert captured[0].fields.get("user") == expected


@override_settings(SECURITY_LOGGING_UNKNOWN_USER_NAMES="omit")
@pytest.mark.parametrize(
    ("reason", "expected"),
    [("bad_credentials", None), ("not_staff", "alice"), ("inactive", "alice"), ("not_allowed", "alice")],
)
def test_proven_by_the_password(captured: list[SecurityEvent], reason: str, expected: str | None) -> None:
    """Whoever typed the right password has typed a name that exists, though the login was refused."""
    log_event(LOGIN_FAILED, user="alice", reason=reason)
    assert captured[0].fields.get("user") == expected


@override_settings(SECURITY_LOGGING_UNKNOWN_USER_NAMES="omit")
@pytest.mark.parametrize(("known", "expected"), [(1, ("alice", 1)), (True, ("alice", 1)), (0, (None, 0))])
def test_known_by_the_caller(captured: list[SecurityEvent], known: int, expected: tuple[str | None, int]) -> None:
    """Who logs the event may know, as after a right password of somebody who is not staff."""
    log_event(LOGIN_FAILED, user="alice", known=known)
    assert (captured[0].fields.get("user"), captured[0].fields["known"]) == expected


@pytest.mark.django_db
class TestKnownUsers:
    """With SECURITY_LOGGING_KNOWN_USERS the database is asked."""

    @pytest.fixture(autouse=True)
    def _known_users(self, settings: Any) -> None:
        settings.SECURITY_LOGGING_KNOWN_USERS = True
        settings.SECURITY_LOGGING_UNKNOWN_USER_NAMES = "omit"
        User.objects.create_user("alice", "alice@example.com")

    @pytest.mark.parametrize(
        ("name", "shown", "known"),
        [
            ("alice", "alice", 1),
            ("alice@example.com", "alice@example.com", 1),
            ("ALICE@example.com", "ALICE@example.com", 1),
            ("bob@example.com", None, 0),
            (TYPED_PASSWORD, None, 0),
            ("a\0", None, 0),
            ("\ud800", None, 0),
            ("", None, 0),
        ],
    )
    def test_looked_up(self, captured: list[SecurityEvent], name: str, shown: str | None, known: int) -> None:
        """A name of nobody is written by the policy for such names: it may be a password."""
        captured.clear()
        log_event(LOGIN_FAILED, user=name)
        assert (captured[0].fields.get("user"), captured[0].fields["known"]) == (shown, known)

    def test_several(self, captured: list[SecurityEvent], monkeypatch: pytest.MonkeyPatch) -> None:
        """A name that several users share exists."""

        def several(manager: object, name: str) -> User:
            raise User.MultipleObjectsReturned

        monkeypatch.setattr(type(User.objects), "get_by_natural_key", several)
        captured.clear()
        log_event(LOGIN_FAILED, user="alice")
        assert captured[0].fields["known"] == 1

    def test_model_named_by_address(self, captured: list[SecurityEvent], monkeypatch: pytest.MonkeyPatch) -> None:
        """A model whose user name is the address is asked once."""
        monkeypatch.setattr(User, "EMAIL_FIELD", "username")
        captured.clear()
        log_event(LOGIN_FAILED, user="bob@example.com")
        assert captured[0].fields["known"] == 0

    def test_cost(self, client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        """A failed login costs one query more than Django's own."""
        with django_assert_num_queries(2):
            client.post("/accounts/login/", {"username": "alice", "password": "wrong"})

    def test_other_events_cost_nothing(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        """An event whose user is proven asks nothing."""
        with django_assert_num_queries(0):
            log_event(LOGIN, user="alice")

    def test_event_loop(self, captured: list[SecurityEvent]) -> None:
        """Inside an event loop nobody may ask, so the name counts as unknown and `known` is left out."""

        async def log() -> None:
            log_event(LOGIN_FAILED, user="alice")

        captured.clear()
        failures = dict(errors.internal_errors)
        asyncio.run(log())
        assert (captured[0].fields.get("user"), captured[0].fields.get("known")) == (None, None)
        assert errors.internal_errors == failures

    def test_failure_of_the_database(self, captured: list[SecurityEvent], monkeypatch: pytest.MonkeyPatch) -> None:
        """When asking fails the event is written without the name."""
        monkeypatch.setattr(type(User.objects), "get_by_natural_key", lambda manager, name: 1 / 0)
        captured.clear()
        log_event(LOGIN_FAILED, user="alice")
        assert [event.fields.get("user") for event in captured] == [None]


@pytest.mark.django_db
def test_no_query_by_default(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """A failed login costs no query of ours."""
    with django_assert_num_queries(1):
        client.post("/accounts/login/", {"username": "alice", "password": "wrong"})
