"""django-allauth: codes that prove an e-mail address or a phone number, or reset a password."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client

from integrations.real_packages.conftest import ADDRESS, Lines
from integrationsite import phones

pytestmark = pytest.mark.django_db

PAGE, API = "/accounts/confirm-email/", "/_allauth/browser/v1/auth/email/verify"
RESET_PAGE, RESET_API = "/accounts/password/reset/confirm/", "/_allauth/browser/v1/auth/password/reset"
CROSS_SITE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}


def send(client: Client, path: str, **data: str) -> Any:
    """Send what an application would."""
    return client.post(path, json.dumps(data), content_type="application/json")


def guess(client: Client, path: str) -> Any:
    """Send a wrong code to the page or to the API."""
    return send(client, path, key="WRONG-1", code="WRONG-1") if "_allauth" in path else client.post(path, GUESS)


GUESS = {"code": "WRONG-1"}


@pytest.fixture
def verification(settings: Any) -> None:
    """Let the site send codes, and nobody in without the right one."""
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
    settings.ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]


@pytest.fixture
def waiting(client: Client, alice: User, verification: None, lines: Lines) -> Client:
    """Return a client that has given alice's password, and is asked for the code that was mailed to her."""
    client.post("/accounts/login/", {"login": "alice", "password": "right"})
    lines()
    return client


@pytest.fixture
def of_nobody(client: Client, alice: User, verification: None, lines: Lines) -> Client:
    """Return a client that has signed up with alice's address: allauth acts as if it had sent a code."""
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    data = {"email": alice.email, "username": "mallory", "password1": "another-2026", "password2": "another-2026"}
    client.post("/accounts/signup/", data)
    lines()
    return client


@pytest.mark.parametrize("path", [PAGE, API])
def test_wrong_code(waiting: Client, lines: Lines, path: str) -> None:
    """A wrong code for an e-mail address is one line, and so is the last that allauth allows."""
    for _ in range(3):
        guess(waiting, path)
    surface = "site" if path == PAGE else "api"
    assert lines() == [f"login_failed surface={surface} reason=bad_email_code user=alice"] * 3


@pytest.mark.parametrize("path", [PAGE, API])
def test_wrong_code_of_no_user(of_nobody: Client, lines: Lines, path: str) -> None:
    """No signal is sent about a code that allauth never mailed; the guess is a line all the same."""
    for _ in range(3):
        guess(of_nobody, path)
    events = [line.split(" status=")[0] for line in lines()]
    surface = "site" if path == PAGE else "api"
    assert events == [f"login_failed surface={surface} reason=bad_email_code"] * 3


def test_right_code(waiting: Client, lines: Lines) -> None:
    """The right code ends the login."""
    found = re.search(r"^([A-Z0-9]{3,}-?[A-Z0-9]{3,})$", str(mail.outbox[-1].body), re.MULTILINE)
    assert found is not None
    waiting.post(PAGE, {"code": found[1]})
    assert [line.split()[0] for line in lines()] == ["login"]


def test_another_address(waiting: Client, lines: Lines, settings: Any) -> None:
    """Who gives another address on the page, in place of a code, has guessed at nothing."""
    settings.ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_CHANGE = True
    waiting.post(PAGE, {"action": "change", "email": "new@example.com"})
    assert [line for line in lines() if line.startswith("login")] == []


def test_no_code_expected(client: Client, alice: User, verification: None, lines: Lines) -> None:
    """A code although none is expected is an attempt, and no code at all is none."""
    client.post(PAGE)
    client.post(PAGE, GUESS)
    assert lines() == ["login_failed surface=site reason=bad_email_code status=302"]


def test_no_code_expected_from_another_site(client: Client, alice: User, verification: None, lines: Lines) -> None:
    """One that another site has made a visitor's browser send is not counted."""
    client.post(PAGE, GUESS, headers=CROSS_SITE)
    assert lines() == ["crosssite_request surface=site reason=bad_email_code status=302"]


@pytest.mark.parametrize(("headers", "count"), [({"X-Email-Verification-Key": "WRONG-1"}, 1), ({}, 0), (CROSS_SITE, 0)])
def test_code_in_a_header(waiting: Client, lines: Lines, headers: dict[str, str], count: int) -> None:
    """The API takes the code in a header too; an image in a hostile page has no such header, and is no attempt."""
    waiting.get(API, headers=headers)
    assert lines() == ["login_failed surface=api reason=bad_email_code user=alice"] * count


@pytest.mark.parametrize("headers", [{}, CROSS_SITE])
def test_reset_code_without_a_header(
    client: Client, alice: User, lines: Lines, settings: Any, headers: dict[str, str]
) -> None:
    """The same for a code that resets a password."""
    settings.ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
    send(client, "/_allauth/browser/v1/auth/password/request", email="alice@example.com")
    lines()
    client.get(RESET_API, headers=headers)
    assert lines() == []


def test_reset_code_of_no_user(client: Client, alice: User, lines: Lines, settings: Any) -> None:
    """A wrong code that resets the password of nobody is one line."""
    settings.ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
    send(client, "/_allauth/browser/v1/auth/password/request", email="nobody@example.com")
    lines()
    send(client, RESET_API, key="WRONG-1", password="another-2026")
    assert lines() == ["login_failed surface=api reason=bad_reset_code status=400"]


@pytest.fixture
def phone(client: Client, alice: User, settings: Any, lines: Lines) -> Client:
    """Return alice's browser, after she has asked for a code for her new phone number."""
    phones.PHONES.clear()
    settings.ROOT_URLCONF = "integrationsite.phones"
    settings.ACCOUNT_ADAPTER = "integrationsite.phones.Adapter"
    settings.ACCOUNT_LOGIN_METHODS = {"username"}
    client.post("/accounts/login/", {"login": "alice", "password": "right"})
    send(client, "/_allauth/browser/v1/account/phone", phone="+4930123456")
    lines()
    return client


@pytest.mark.parametrize("path", ["/accounts/phone/verify/", "/_allauth/browser/v1/auth/phone/verify"])
def test_wrong_code_for_a_phone(phone: Client, lines: Lines, path: str) -> None:
    """A wrong code for a phone number is one line, though allauth has no signal for it."""
    answer = guess(phone, path)
    surface = "api" if "_allauth" in path else "site"
    line = f"login_failed surface={surface} reason=bad_phone_code user=alice status={answer.status_code}"
    assert lines() == [line]


def test_events_have_the_address(waiting: Client, captured: list[Any]) -> None:
    """What is counted has an address that may be banned."""
    guess(waiting, PAGE)
    assert [event.address for event in captured] == [ADDRESS]
