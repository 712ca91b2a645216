"""No secret that is sent to the site ever reaches a log, whatever becomes of the request and of us."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from rest_framework.authtoken.models import Token

from canary import BASIC, COOKIES, HEADERS, NEW_PASSWORD, PASSWORD, QUERY, TOKEN, every_sink, leaks
from security_logging import logger, middleware
from security_logging.addresses import client_ip
from security_logging.events.event import SecurityEvent
from security_logging.internal import errors
from security_logging.request import path as request_path
from security_logging.request import surface, user_names
from security_logging.watchers import (
    admin_log,
    forwarding,
    login_forms,
    logins,
    permissions,
    prior_failures,
    refusals,
    startup,
    users,
)

pytestmark = pytest.mark.django_db

ADMINS_PASSWORD = "c4nary-password-of-root"
NEW_USER = {"username": "carol", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
CHANGE = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}


class Visitor(Client):
    """A client whose every request carries secrets in all places that have nothing to do with its purpose."""

    def generic(self, method: str, path: Any, *args: Any, **extra: Any) -> Any:
        """Send the request with a query, headers and cookies full of secrets."""
        extra.setdefault("HTTP_AUTHORIZATION", "Bearer c4nary-authorization")
        for name, value in COOKIES.items():
            self.cookies[name] = value
        separator = "" if "?" in path else QUERY
        return super().generic(method, f"{path}{separator}", *args, **{**HEADERS, **extra})


@pytest.fixture
def alice() -> User:
    """Return a user whose password is a secret."""
    return User.objects.create_user("alice", "alice@example.com", PASSWORD)


@pytest.fixture
def visitor(alice: User) -> Visitor:
    """Return somebody who is not logged in."""
    return Visitor()


def log_in(visitor: Visitor, user: User) -> str:
    """Log the visitor in; return the session's key."""
    visitor.force_login(user)
    return str(visitor.session.session_key)


def reset_link(user: User) -> tuple[str, str]:
    """Return the link that resets the user's password, and the secret in it."""
    token = default_token_generator.make_token(user)
    return f"/accounts/reset/{urlsafe_base64_encode(force_bytes(user.pk))}/{token}/", token


Flow = Callable[[Visitor], object]

ANONYMOUS: dict[str, Flow] = {
    "wrong password": lambda v: v.post("/accounts/login/", {"username": "alice", "password": "c4nary-wrong"}),
    "right password": lambda v: v.post("/accounts/login/", {"username": "alice", "password": PASSWORD}),
    "not staff": lambda v: v.post("/admin/login/", {"username": "alice", "password": PASSWORD}),
    "second admin": lambda v: v.post("/office/login/", {"username": "alice", "password": "c4nary-wrong"}),
    "malformed name": lambda v: v.post("/accounts/login/", {"username": "a\0", "password": PASSWORD}),
    "no name": lambda v: v.post("/accounts/login/", {"password": PASSWORD}),
    "reset request": lambda v: v.post("/accounts/password_reset/", {"email": "alice@example.com"}),
    "wrong reset link": lambda v: v.get("/accounts/reset/MQ/c4nary-token/"),
    "token": lambda v: v.get("/api/whoami/", HTTP_AUTHORIZATION=f"Token {TOKEN}"),
    "two tokens": lambda v: v.get("/api/whoami/", HTTP_AUTHORIZATION=f"Token {TOKEN} {TOKEN}"),
    "basic": lambda v: v.get("/api/whoami/", HTTP_AUTHORIZATION=f"Basic {BASIC}"),
    "malformed basic": lambda v: v.get("/api/whoami/", HTTP_AUTHORIZATION="Basic c4nary"),
    "forbidden": lambda v: v.get("/forbidden/"),
    "missing": lambda v: v.get("/missing/"),
    "bait": lambda v: v.get("/wp-login.php"),
    "unknown host": lambda v: v.get("/", HTTP_HOST="unknown.example"),
    "forged address": lambda v: v.get("/", HTTP_X_FORWARDED_FOR="c4nary-address, 198.51.100.1"),
    "many fields": lambda v: v.post("/accounts/login/", {f"c4nary-{n}": PASSWORD for n in range(1100)}),
    "other site": lambda v: v.post("/accounts/login/", {"username": "alice"}, HTTP_ORIGIN="https://evil.example"),
    "broken session": lambda v: v.get("/account/", HTTP_COOKIE="sessionid=c4nary-session"),
}


@pytest.mark.parametrize("flow", ANONYMOUS)
@pytest.mark.parametrize("enforce_csrf_checks", [False, True])
def test_visitor(visitor: Visitor, flow: str, enforce_csrf_checks: bool) -> None:
    """Nothing that a visitor sends as a secret is logged."""
    visitor.handler.enforce_csrf_checks = enforce_csrf_checks
    with every_sink() as text:
        ANONYMOUS[flow](visitor)
    assert leaks(text.getvalue()) == []


@pytest.mark.parametrize(
    "flow",
    [
        lambda v: v.post("/accounts/password_change/", CHANGE),
        lambda v: v.post("/accounts/password_change/", {**CHANGE, "old_password": "c4nary-wrong"}),
        lambda v: v.post("/accounts/password_change/", {**CHANGE, "new_password2": "c4nary-other"}),
        lambda v: v.get("/admin/"),
        lambda v: v.get("/forbidden/"),
        lambda v: v.post("/api/whoami/"),
        lambda v: v.post("/accounts/logout/"),
    ],
)
def test_user(visitor: Visitor, alice: User, flow: Flow) -> None:
    """Nothing that a user sends as a secret is logged, the key of the session included."""
    with every_sink() as text:
        key = log_in(visitor, alice)
        flow(visitor)
    assert "alice" in text.getvalue()
    assert leaks(text.getvalue(), key) == []


@pytest.mark.parametrize(
    "flow",
    [
        lambda v, user: v.post("/admin/auth/user/add/", NEW_USER),
        lambda v, user: v.post(f"/admin/auth/user/{user.pk}/password/", NEW_USER),
        lambda v, user: v.post(f"/admin/auth/user/{user.pk}/password/", {**NEW_USER, "password2": "c4nary-other"}),
        lambda v, user: v.post(f"/admin/auth/user/{user.pk}/delete/", {"post": "yes"}),
    ],
)
def test_administrator(
    visitor: Visitor, admin_user: User, alice: User, flow: Callable[[Visitor, User], object]
) -> None:
    """Nothing that an administrator sends as a secret is logged."""
    with every_sink() as text:
        key = log_in(visitor, admin_user)
        flow(visitor, alice)
    assert 'user="admin"' in text.getvalue()
    assert leaks(text.getvalue(), key) == []


def test_reset_link(visitor: Visitor, alice: User) -> None:
    """The secret in a link that resets a password is logged neither when it is used nor when it is guessed."""
    link, token = reset_link(alice)
    with every_sink() as text:
        visitor.get(link)
        visitor.post(f"{link.removesuffix(f'{token}/')}set-password/", {**CHANGE, "token": TOKEN})
        visitor.post(link, CHANGE, HTTP_HOST="unknown.example")
    assert leaks(text.getvalue(), token) == []


def test_right_token(visitor: Visitor, alice: User) -> None:
    """An API token that is right is logged as little as one that is wrong."""
    token = Token.objects.create(user=alice)
    with every_sink() as text:
        visitor.get("/api/whoami/", HTTP_AUTHORIZATION=f"Token {token.key}")
        token.delete()
    assert leaks(text.getvalue(), token.key) == []


ERROR = "int() cannot read 'c4nary-error'"


def fail(*arguments: object, **keywords: object) -> None:
    """Raise an error that says a secret, and so does its cause, as many do."""
    raise ValueError(ERROR) from KeyError(ERROR)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (client_ip, "resolve"),
        (surface, "match_of"),
        (request_path, "match_of"),
        (logger, "new_event"),
        (user_names, "protected"),
        (logins, "typed_name"),
        (User, "get_username"),
    ],
)
def test_failure_of_ours(visitor: Visitor, monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> None:
    """Our own failure is reported with its place and kind, and without what the error says."""
    monkeypatch.setattr(errors, "_reported", {})
    with every_sink() as text, monkeypatch.context() as patch:
        patch.setattr(module, name, fail)
        ANONYMOUS["wrong password"](visitor)
        ANONYMOUS["right password"](visitor)
    assert "ValueError" in text.getvalue()
    assert ", in fail" in text.getvalue()
    assert leaks(text.getvalue()) == []


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (forwarding, "has_listed_peer"),
        (middleware, "log_unsignalled"),
        (middleware, "request_id_of"),
        (login_forms, "may_be_of_another_site"),
        (refusals, "is_bait"),
        (prior_failures, "_key"),
    ],
)
def test_failure_in_the_middleware(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, settings: Any, module: object, name: str
) -> None:
    """And for what the middleware looks at: forwarding headers, forms, records of Django, the count of failures."""
    settings.SECURITY_LOGGING_PRIOR_FAILURES_WINDOW = 60
    settings.SECURITY_LOGGING_REQUEST_ID_RESPONSE_HEADER = "X-Request-ID"
    monkeypatch.setattr(errors, "_reported", {})
    visitor.defaults["HTTP_X_FORWARDED_FOR"] = "c4nary-address"
    with every_sink() as text, monkeypatch.context() as patch:
        patch.setattr(module, name, fail)
        for flow in ("wrong password", "no name", "bait"):
            ANONYMOUS[flow](visitor)
    assert ", in fail" in text.getvalue()
    assert leaks(text.getvalue()) == []


def test_start(settings: Any) -> None:
    """The line of a start tells nothing of the keys among the settings, and neither does a failure to write it."""
    settings.SECURITY_LOGGING_HASH_KEY = "c4nary-hash-key"
    with every_sink() as text:
        startup.log_started("server")
        settings.SECURITY_LOGGING_EVENTS = {("c4nary", "no text"): 1, "logging_started": True}
        startup.log_started("server")
    assert text.getvalue().count("logging_started") > 1
    assert leaks(text.getvalue()) == []


@pytest.mark.parametrize(
    ("module", "name"),
    [(users, "_flags"), (permissions, "_holders"), (admin_log, "_change"), (users, "_privileges")],
)
def test_failure_while_watching_accounts(
    alice: User, admin_client: Client, monkeypatch: pytest.MonkeyPatch, module: object, name: str
) -> None:
    """The same holds for changes of accounts."""
    monkeypatch.setattr(errors, "_reported", {})
    data = {"name": "editors", "permissions": ["1"]}
    with every_sink() as text, monkeypatch.context() as patch:
        patch.setattr(module, name, fail)
        admin_client.post("/admin/auth/group/add/", data)
        alice.save()
        alice.delete()
    assert ", in fail" in text.getvalue()
    assert leaks(text.getvalue()) == []


def test_the_canary_sings(captured: list[SecurityEvent]) -> None:
    """A secret that is logged on purpose is found in each form, or the tests above would prove nothing."""
    with every_sink() as text:
        logger.log_event("login_failed", user="c4nary")
    assert len(leaks(text.getvalue())) == 8
