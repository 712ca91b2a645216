"""Login, logout and failed login: each is one event that says who, where and why."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest
from asgiref.sync import async_to_sync  # runs the database's work in this thread; asyncio.run would leak its connection
from django.contrib.auth import aauthenticate, alogin, alogout, authenticate, get_user_model
from django.contrib.auth.backends import ModelBackend, RemoteUserBackend
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.signals import user_logged_out, user_login_failed
from django.contrib.sessions.backends.cache import SessionStore
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import AsyncRequestFactory, Client, RequestFactory
from rest_framework.request import Request

from security_logging.events.event import SecurityEvent
from security_logging.events.line import parse, render
from security_logging.events.types import LOGIN, LOGIN_FAILED, LOGOUT
from security_logging.middleware import SecurityLoggingMiddleware
from security_logging.watchers import logins
from security_logging.watchers.logins import typed_name

ADDRESS = "203.0.113.7"
WRONG = {"username": "alice", "password": "guess"}


def _names(events: list[SecurityEvent]) -> list[str]:
    return [event.type.name for event in events]


def _said(event: SecurityEvent, *names: str) -> list[object]:
    return [event.fields.get(name) for name in names]


@pytest.fixture
def request_() -> HttpRequest:
    """Return a request to an admin login page."""
    return RequestFactory().post("/admin/login/", REMOTE_ADDR=ADDRESS)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "surface"),
    [("/accounts/login/", "site"), ("/admin/login/", "admin"), ("/office/login/", "admin")],
)
def test_failed_login(client: Client, captured: list[SecurityEvent], path: str, surface: str) -> None:
    """A wrong password is one event that says who, from where, where and why."""
    client.post(path, WRONG, REMOTE_ADDR=ADDRESS, HTTP_USER_AGENT="curl/8")
    assert _names(captured) == ["login_failed"]
    assert captured[0].fields == {
        "ip": ADDRESS,
        "net": ADDRESS,
        "surface": surface,
        "reason": "bad_credentials",
        "user": "alice",
        "method": "POST",
        "path": path,
        "agent": "curl/8",
    } | {name: value for name, value in captured[0].fields.items() if name == "request_id"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "surface"),
    [("/accounts/login/", "site"), ("/admin/login/", "admin"), ("/office/login/", "admin")],
)
def test_login(client: Client, admin_user: User, captured: list[SecurityEvent], path: str, surface: str) -> None:
    """A login is one event that says who, and which backend has let them in."""
    client.post(path, {"username": "admin", "password": "password"}, REMOTE_ADDR=ADDRESS)
    assert _names(captured) == ["login"]
    assert _said(captured[0], "ip", "surface", "reason", "user", "user_id", "backend") == [
        ADDRESS, surface, "-", "admin", str(admin_user.pk), "django.contrib.auth.backends.ModelBackend",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "surface"),
    [("/accounts/logout/", "site"), ("/admin/logout/", "admin"), ("/office/logout/", "admin")],
)
def test_logout(admin_client: Client, captured: list[SecurityEvent], path: str, surface: str) -> None:
    """A logout is one event that says who."""
    captured.clear()
    admin_client.post(path, REMOTE_ADDR=ADDRESS)
    assert _names(captured) == ["logout"]
    assert _said(captured[0], "ip", "surface", "user") == [ADDRESS, surface, "admin"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/accounts/logout/", "/admin/logout/"])
def test_anonymous_logout(client: Client, captured: list[SecurityEvent], path: str) -> None:
    """Somebody who was not logged in does not log out."""
    client.post(path)
    assert captured == []


def test_anonymous_user_logs_out(captured: list[SecurityEvent]) -> None:
    """The same where the sender of the signal says it with an anonymous user."""
    user_logged_out.send(sender=AnonymousUser, request=None, user=AnonymousUser())
    assert captured == []


@pytest.mark.django_db
def test_failed_login_at_the_api(client: Client, captured: list[SecurityEvent]) -> None:
    """Django REST framework passes a request of its own on; the one that it wraps is looked at."""
    client.get("/api/whoami/", headers={"authorization": "Basic YWxpY2U6Z3Vlc3M="}, REMOTE_ADDR=ADDRESS)
    assert [_said(event, "ip", "surface", "user", "path") for event in captured if event.type is LOGIN_FAILED] == [
        [ADDRESS, "api", "alice", "/api/whoami/"]
    ]


@pytest.mark.django_db
def test_wrapped_request(captured: list[SecurityEvent], request_: HttpRequest) -> None:
    """The same when it is passed by hand."""
    authenticate(Request(request_), **WRONG)
    assert _said(captured[0], "ip", "surface", "method") == [ADDRESS, "admin", "POST"]


@pytest.mark.django_db
def test_without_a_request(captured: list[SecurityEvent]) -> None:
    """A management command authenticates without a request: nobody knows from where, so nobody is counted."""
    authenticate(None, **WRONG)
    assert _said(captured[0], "ip", "net", "surface", "user") == ["-", "-", "-", "alice"]


@pytest.mark.django_db
def test_request_of_the_middleware(captured: list[SecurityEvent], request_: HttpRequest) -> None:
    """Code that does not pass the request on is served by what the middleware remembers."""

    def view(request: HttpRequest) -> HttpResponse:
        authenticate(None, **WRONG)
        return HttpResponse()

    SecurityLoggingMiddleware(view)(request_)
    assert _said(captured[0], "ip", "surface", "path") == [ADDRESS, "admin", "/admin/login/"]


@pytest.mark.django_db
def test_request_of_the_middleware_is_forgotten(captured: list[SecurityEvent], request_: HttpRequest) -> None:
    """After the answer the request is nobody's, least of all of the next caller in the same thread."""
    SecurityLoggingMiddleware(lambda request: HttpResponse())(request_)
    authenticate(None, **WRONG)
    assert captured[-1].address == "-"


@pytest.mark.django_db(transaction=True)
def test_async_failed_login(captured: list[SecurityEvent]) -> None:
    """An async view's attempt is logged like any other."""
    request = AsyncRequestFactory().post("/admin/login/", REMOTE_ADDR=ADDRESS)
    async_to_sync(aauthenticate)(request, **WRONG)
    assert _names(captured) == ["login_failed"]
    assert _said(captured[0], "surface", "user") == ["admin", "alice"]


@pytest.mark.django_db(transaction=True)
def test_async_login_and_logout(admin_user: User, captured: list[SecurityEvent]) -> None:
    """An async view's login and logout are logged like any other."""
    request = AsyncRequestFactory().post("/admin/login/")
    request.session = SessionStore()
    admin_user.backend = "django.contrib.auth.backends.ModelBackend"

    async def auser() -> User:
        return admin_user

    async def visit() -> None:
        await alogin(request, admin_user)
        request.auser = auser
        await alogout(request)

    async_to_sync(visit)()
    assert [(event.type, event.fields["user"]) for event in captured] == [(LOGIN, "admin"), (LOGOUT, "admin")]


@pytest.mark.django_db(transaction=True)
def test_async_without_a_request(captured: list[SecurityEvent]) -> None:
    """An async view that does not pass its request on is served by the middleware too."""
    request = AsyncRequestFactory().post("/admin/login/", REMOTE_ADDR=ADDRESS)

    async def view(request: HttpRequest) -> HttpResponse:
        await aauthenticate(None, **WRONG)
        return HttpResponse()

    async_to_sync(SecurityLoggingMiddleware(view))(request)  # type: ignore[arg-type]  # it is async as its view is
    assert _said(captured[0], "surface", "user") == ["admin", "alice"]


def test_force_login(admin_user: User, client: Client, captured: list[SecurityEvent]) -> None:
    """A login by hand, with a request that nobody sent, is logged as far as it goes."""
    client.force_login(admin_user)
    assert _names(captured) == ["login"]
    assert _said(captured[0], "ip", "user", "method") == ["-", "admin", None]


class Refusing(ModelBackend):
    """A backend that knows enough and ends the attempt."""

    def authenticate(self, request: HttpRequest | None, *args: Any, **credentials: Any) -> None:
        """Refuse."""
        raise PermissionDenied


@pytest.mark.django_db
def test_backend_that_refuses(captured: list[SecurityEvent], settings: Any, request_: HttpRequest) -> None:
    """An attempt that a backend ends is one event too."""
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Refusing"]
    authenticate(request_, **WRONG)
    assert _names(captured) == ["login_failed"]


class _LoginMethod(str, Enum):
    """A key as django-allauth has them."""

    USERNAME = "username"


class _Lying(str):
    """A name that shows something else than it holds."""

    __slots__ = ()

    def __str__(self) -> str:
        return self

    def __format__(self, format_spec: str) -> str:
        return "x\n"


class _Nameless:
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("credentials", "name"),
    [
        ({"username": "alice"}, "alice"),
        ({_LoginMethod.USERNAME: "alice"}, "alice"),
        ({"email": "alice@example.com"}, "alice@example.com"),
        ({"login": "alice"}, "alice"),
        ({"user": "alice"}, "alice"),
        ({"phone": "+15550100"}, "+15550100"),
        ({"phone": "+15550100", "email": "alice@example.com"}, "alice@example.com"),
        ({"username": None, "email": "alice@example.com"}, "alice@example.com"),
        ({"username": ""}, ""),
        ({"username": 7}, "7"),
        ({"username": "alice\n\x00\u2028"}, "alice\n\x00\u2028"),
        ({}, None),
        ({"token": "********************"}, None),
        ({"passphrase": "correct horse", "pin": "1234", "otp": "123456", "name": "x"}, None),
    ],
)
def test_typed_name(captured: list[SecurityEvent], credentials: dict[str, object], name: str | None) -> None:
    """Of the credentials the user name is taken, under whatever key it comes, and nothing else ever is."""
    user_login_failed.send(sender=None, credentials=credentials, request=None)
    assert captured[0].fields.get("user") == name


def test_lying_name(captured: list[SecurityEvent]) -> None:
    """A name that would write something else than it holds is written as any other."""
    assert f"{_Lying('alice')}" == "x\n"
    user_login_failed.send(sender=None, credentials={"username": _Lying("alice")}, request=None)
    assert parse(render(captured[0])) == captured[0]


@pytest.mark.parametrize("credentials", [None, {"username": _Nameless()}, ["alice"], "alice"])
def test_no_name(captured: list[SecurityEvent], credentials: object, caplog: pytest.LogCaptureFixture) -> None:
    """An attempt whose name cannot be read is counted without one."""
    user_login_failed.send(sender=None, credentials=credentials, request=None)
    assert (_names(captured), captured[0].fields.get("user")) == (["login_failed"], None)


def test_signal_without_credentials(captured: list[SecurityEvent]) -> None:
    """A sender that says nothing at all is no reason to fail."""
    user_login_failed.send(sender=None)
    assert _names(captured) == ["login_failed"]


def test_own_name_field(monkeypatch: pytest.MonkeyPatch) -> None:
    """The field under which the project's users log in is asked first."""
    monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "badge")
    monkeypatch.setattr(logins, "_name_keys", logins._name_keys.__wrapped__)
    assert typed_name({"username": "alice", "badge": "b-7"}) == "b-7"


class _Broken:
    """A user of which nothing can be known."""

    @property
    def backend(self) -> str:
        raise RuntimeError("no")

    pk = is_authenticated = backend

    def get_username(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("receiver", "name"),
    [(logins.on_user_logged_in, "login"), (logins.on_user_logged_out, "logout")],
)
@pytest.mark.parametrize("user", [_Broken(), object(), "alice"], ids=["raising", "object", "text"])
def test_broken_user(
    captured: list[SecurityEvent],
    caplog: pytest.LogCaptureFixture,
    receiver: Callable[..., None],
    name: str,
    user: object,
) -> None:
    """A user whose every attribute raises costs what it says and not the event."""
    receiver(None, None, user)
    assert _names(captured) == [name]
    assert _said(captured[0], "user", "user_id", "backend") == [None, None, None]


def test_connecting_twice(captured: list[SecurityEvent]) -> None:
    """An application that is set up twice logs once."""
    logins.connect()
    user_login_failed.send(sender=None, credentials={}, request=None)
    assert len(captured) == 1


@pytest.mark.parametrize(
    ("is_locked", "told"), [(True, ("login_blocked", "locked")), (False, ("login_failed", "bad_credentials"))]
)
def test_locked_out(captured: list[SecurityEvent], rf: RequestFactory, is_locked: bool, told: tuple[str, str]) -> None:
    """An attempt that a lock-out refused has its own event, also through the request of Django REST framework."""
    request = rf.post("/")
    logins.mark_locked(Request(request), is_locked=True)
    logins.mark_locked(Request(request), is_locked=is_locked)
    user_login_failed.send(sender=None, credentials={}, request=Request(request))
    assert (captured[0].type.name, captured[0].fields["reason"]) == told


def test_locked_out_from_another_site(captured: list[SecurityEvent], rf: RequestFactory) -> None:
    """An attempt that another site's page has a visitor send while a lock-out lasts is counted by no jail at all."""
    request = rf.post("/", headers={"Sec-Fetch-Site": "cross-site"})
    logins.mark_locked(request, is_locked=True)
    user_login_failed.send(sender=None, credentials={}, request=request)
    assert [(event.type.name, event.fields["reason"]) for event in captured] == [("crosssite_request", "locked")]


class KnownRemoteUsers(RemoteUserBackend):
    """Let in only those who have an account."""

    create_unknown_user = False


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/accounts/login/"])
def test_single_sign_on_without_an_account(captured: list[SecurityEvent], settings: Any, path: str) -> None:
    """Each image on a page would be a refusal of who has single sign-on and no account: none is counted."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.RemoteUserMiddleware"]
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.KnownRemoteUsers"]
    client = Client(REMOTE_ADDR=ADDRESS, REMOTE_USER="eve@corp.example")
    for _ in range(5):
        client.get(path)
    told = [(event.type.name, *_said(event, "ip", "reason", "user")) for event in captured]
    assert told == [("permission_denied", ADDRESS, "unknown_remote_user", "eve@corp.example")] * 5
    assert [event for event in captured if event.type.counted_as] == []


@pytest.mark.django_db
def test_password_besides_single_sign_on(captured: list[SecurityEvent], settings: Any) -> None:
    """A password that the same visitor tries is counted all the same."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.RemoteUserMiddleware"]
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.KnownRemoteUsers", "django.contrib.auth.backends.ModelBackend"]
    Client(REMOTE_ADDR=ADDRESS, REMOTE_USER="eve@corp.example").post("/accounts/login/", WRONG)
    assert _names(captured) == ["permission_denied", "login_failed"]


def test_locked_out_without_a_request(captured: list[SecurityEvent]) -> None:
    """Without a request there is nowhere to note it."""
    logins.mark_locked(None, is_locked=True)
    user_login_failed.send(sender=None, credentials={}, request=None)
    assert _said(captured[0], "reason") == ["bad_credentials"]
