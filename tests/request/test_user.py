"""Who acts, as far as somebody has already looked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject
from pytest_django import DjangoAssertNumQueries

from security_logging.events.event import SecurityEvent
from security_logging.request import current
from security_logging.request.user import acting_user, actor, actor_name, key_of


@pytest.fixture
def request_of_admin(rf: RequestFactory, admin_user: User) -> Iterator[HttpRequest]:
    """Yield the request being served, with the session of the administrator, whom nobody has loaded yet."""
    request = rf.get("/")
    request.session = SessionStore()
    request.session[SESSION_KEY] = str(admin_user.pk)
    request.session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    request.session[HASH_SESSION_KEY] = admin_user.get_session_auth_hash()
    AuthenticationMiddleware(lambda _: HttpResponse()).process_request(request)
    entered = current.enter(request)
    yield request
    current.leave(entered)


def test_not_looked_at(request_of_admin: HttpRequest, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """A user whom nobody has asked for stays unknown: asking would cost a query."""
    with django_assert_num_queries(0):
        assert acting_user() is None


def test_looked_at(request_of_admin: HttpRequest, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """A user whom a view has looked at is known, at no further cost."""
    assert request_of_admin.user.is_authenticated
    with django_assert_num_queries(0):
        assert acting_user() == request_of_admin.user


def test_fields(request_of_admin: HttpRequest, admin_user: User) -> None:
    """The fields name the user and its key."""
    request_of_admin.user = admin_user
    assert actor() == {"user": "admin", "user_id": str(admin_user.pk)}


def test_anonymous(request_of_admin: HttpRequest) -> None:
    """Nobody in particular is nobody."""
    request_of_admin.user = AnonymousUser()
    assert actor() == {}


def test_without_authentication(request_of_admin: HttpRequest) -> None:
    """Without Django's authentication middleware a request is nobody's."""
    del request_of_admin.user
    assert acting_user() is None


def looked_at() -> object:
    """Return claims behind a promise that somebody has kept already."""
    claims: Any = SimpleLazyObject(lambda: {"sub": "42"})
    assert claims["sub"] == "42"
    return claims


class _NobodyKnows:
    """A user of a service that does not answer."""

    @property
    def is_authenticated(self) -> bool:
        raise ConnectionError


@pytest.mark.parametrize(
    "user",
    [None, {}, {"sub": "42"}, "alice", 42, looked_at(), _NobodyKnows()],
    ids=["none", "empty", "claims", "text", "int", "lazy claims", "raising"],
)
def test_what_is_no_user(request_of_admin: HttpRequest, user: Any) -> None:
    """Whatever a project puts in the user's place, nothing is raised, and it is nobody."""
    request_of_admin.user = user
    assert (actor(), actor_name()) == ({}, None)


@pytest.mark.parametrize("user", [{"sub": "42"}, _NobodyKnows()], ids=["claims", "raising"])
def test_event_of_what_is_no_user(request_of_admin: HttpRequest, captured: list[SecurityEvent], user: Any) -> None:
    """What happens in such a request is logged."""
    request_of_admin.user = user
    User.objects.create_user("alice")
    assert [(event.type.name, event.fields.get("user")) for event in captured] == [("user_created", None)]


def test_request_that_carries_nothing() -> None:
    """What is passed on in place of a request has no user, and nothing is raised."""
    assert actor(cast("HttpRequest", object())) == {}


def test_without_a_request() -> None:
    """Outside of a request nobody acts."""
    assert acting_user() is None


def test_key_of_a_user_that_is_not_stored() -> None:
    """A user that is not stored has no key."""
    assert key_of(User()) is None
