"""Redirects and forms that look like an outcome and are none."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.test import RequestFactory, override_settings
from django.urls import resolve, set_script_prefix

from security_logging.events.event import SecurityEvent
from security_logging.watchers import responses
from security_logging.watchers.responses import add_reader, log_unsignalled

ALICE, STELLA = User(pk=1, username="alice"), User(pk=2, username="stella", is_staff=True)


def request_to(path: str, user: User | AnonymousUser = ALICE, method: str = "GET") -> HttpRequest:
    """Return a request that a view has served for the user."""
    request = RequestFactory().generic(method, path)
    request.user = user
    request.resolver_match = resolve(path)
    return request


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("/admin/login/?next=/admin/", "not_staff"),
        ("/office/login/?next=/office/", "not_staff"),
        ("https://testserver/admin/login/?next=/admin/", "not_staff"),
        ("/accounts/login/?next=/account/", "no_permission"),
    ],
)
def test_bounced(location: str, reason: str, captured: list[SecurityEvent]) -> None:
    """A user who is logged in and sent to a login page was refused."""
    log_unsignalled(request_to("/account/"), HttpResponseRedirect(location))
    assert [(event.type.name, event.fields["reason"]) for event in captured] == [("permission_denied", reason)]


def test_bounced_member_of_the_staff(captured: list[SecurityEvent]) -> None:
    """Who is staff and still bounced lacks something else."""
    log_unsignalled(request_to("/account/", STELLA), HttpResponseRedirect("/admin/login/?next=/admin/"))
    assert [event.fields["reason"] for event in captured] == ["no_permission"]


@override_settings(LOGIN_URL="home")
def test_bounced_to_another_login_page(captured: list[SecurityEvent]) -> None:
    """LOGIN_URL is the login page, whatever view serves it."""
    log_unsignalled(request_to("/account/"), HttpResponseRedirect("/?next=/account/"))
    assert [event.fields["reason"] for event in captured] == ["no_permission"]


def test_bounced_below_a_prefix(captured: list[SecurityEvent]) -> None:
    """Under a script name the login page is found too."""
    set_script_prefix("/shop/")
    try:
        log_unsignalled(request_to("/account/"), HttpResponseRedirect("/shop/admin/login/?next=/shop/admin/"))
    finally:
        set_script_prefix("/")
    assert [event.fields["reason"] for event in captured] == ["not_staff"]


@pytest.mark.parametrize(
    "location",
    [
        "/admin/login/",  # no way back: an ordinary link
        "/account/?next=/",
        "/no/such/page/?next=/",
        "https://elsewhere.example/accounts/login/?next=/",
        "",
    ],
)
def test_other_redirects(location: str, captured: list[SecurityEvent]) -> None:
    """Any other redirect is no refusal."""
    log_unsignalled(request_to("/account/"), HttpResponseRedirect(location))
    assert captured == []


def test_nobody_is_bounced(captured: list[SecurityEvent]) -> None:
    """Who is not logged in is only asked to."""
    log_unsignalled(request_to("/account/", AnonymousUser()), HttpResponseRedirect("/admin/login/?next=/admin/"))
    assert captured == []


@pytest.mark.parametrize(
    "path", ["/accounts/password_change/", "/accounts/password_reset/", "/admin/auth/user/1/password/", "/account/"]
)
def test_answer_without_a_form(path: str, captured: list[SecurityEvent]) -> None:
    """An answer that shows no errors tells of no failure."""
    log_unsignalled(request_to(path, STELLA, "POST"), HttpResponse())
    assert captured == []


def test_form_that_nobody_has_validated(captured: list[SecurityEvent]) -> None:
    """A fresh form in the answer is not validated for its errors: that would check the credentials once more."""

    class Form:
        @property
        def errors(self) -> None:
            raise AssertionError("validated")

    request = request_to("/accounts/login/", method="POST")
    log_unsignalled(request, TemplateResponse(request, "registration/login.html", {"form": Form()}))
    assert [event.fields["reason"] for event in captured] == ["rejected_by_form"]


def test_before_any_view(captured: list[SecurityEvent]) -> None:
    """An answer of a middleware before a view was chosen tells nothing."""
    log_unsignalled(RequestFactory().post("/accounts/login/"), HttpResponse())
    assert captured == []


def test_readers(monkeypatch: pytest.MonkeyPatch, captured: list[SecurityEvent]) -> None:
    """Readers read a response in turn until one knows it; one that is added twice reads once."""
    asked: list[str] = []

    def ignorant(request: HttpRequest, response: HttpResponseBase) -> bool:
        asked.append("ignorant")
        return False

    def wise(request: HttpRequest, response: HttpResponseBase) -> bool:
        asked.append("wise")
        return True

    monkeypatch.setattr(responses, "_readers", [])
    for reader in (ignorant, ignorant, wise):
        add_reader(reader)
    add_reader(lambda request, response: pytest.fail("asked too many"))
    log_unsignalled(RequestFactory().post("/accounts/login/"), HttpResponse())
    assert (asked, captured) == (["ignorant", "wise"], [])
