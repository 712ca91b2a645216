"""django-allauth: its pages and its API."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client

from integrations.real_packages.conftest import ADDRESS, Lines

pytestmark = pytest.mark.django_db

PAGE, API = "/accounts/login/", "/_allauth/app/v1/auth/login"
FROM_ANOTHER_SITE = {"Sec-Fetch-Site": "cross-site"}


def post(client: Client, path: str, **data: Any) -> Any:
    """Send what a browser or an application would."""
    if path.startswith("/_allauth/"):
        return client.post(path, json.dumps(data), content_type="application/json")
    return client.post(path, {("login" if name == "username" else name): value for name, value in data.items()})


def surface(path: str) -> str:
    """Return the surface that the path is on."""
    return "api" if path.startswith("/_allauth/") else "site"


@pytest.mark.parametrize("path", [PAGE, API])
def test_wrong_password(client: Client, alice: User, lines: Lines, path: str) -> None:
    """A wrong password is one line."""
    post(client, path, username="alice", password="wrong")
    assert lines() == [f"login_failed surface={surface(path)} reason=bad_credentials user=alice"]


@pytest.mark.parametrize("path", [PAGE, API])
def test_unknown_user(client: Client, alice: User, lines: Lines, path: str) -> None:
    """A user that does not exist is one line."""
    post(client, path, username="nobody", password="wrong")
    assert lines() == [f"login_failed surface={surface(path)} reason=bad_credentials user=nobody"]


@pytest.mark.parametrize("path", [PAGE, API])
def test_login(client: Client, alice: User, lines: Lines, path: str) -> None:
    """A login is one line."""
    post(client, path, username="alice", password="right")
    assert lines() == [f"login surface={surface(path)} user=alice"]


@pytest.mark.parametrize("path", [PAGE, API])
def test_after_its_rate_limit(client: Client, alice: User, lines: Lines, path: str) -> None:
    """After five tries allauth no longer asks Django and no signal is sent; each further attempt is still a line."""
    for _ in range(5):
        post(client, path, username="alice", password="wrong")
    lines()
    for _ in range(3):
        post(client, path, username="alice", password="wrong")
    status = 400 if path == API else 200
    assert lines() == [f"login_blocked surface={surface(path)} reason=rate_limited user=alice status={status}"] * 3


@pytest.mark.parametrize("path", [PAGE, API])
def test_nothing_typed(client: Client, alice: User, lines: Lines, path: str) -> None:
    """An attempt without a password is a line, though the form stops it."""
    post(client, path, username="alice")
    status = 400 if path == API else 200
    assert lines() == [f"login_failed surface={surface(path)} reason=empty user=alice status={status}"]


def test_nothing_typed_from_another_site(client: Client, lines: Lines) -> None:
    """One that another site has made a visitor's browser send is not counted."""
    client.post(PAGE, {"login": "alice"}, headers=FROM_ANOTHER_SITE)
    assert lines() == ["crosssite_request surface=site reason=empty status=200"]


def test_without_csrf_token(alice: User, lines: Lines) -> None:
    """A tool that knows nothing of CSRF is refused before the page: an attempt to log in."""
    client = Client(enforce_csrf_checks=True, REMOTE_ADDR=ADDRESS)
    client.post(PAGE, "login=alice&password=wrong", content_type="application/x-www-form-urlencoded")
    assert lines() == ["login_failed surface=site reason=csrf user=alice status=403"]


@pytest.mark.parametrize("body", ["{", "[1]", '"alice"'])
def test_not_even_json(client: Client, lines: Lines, body: str) -> None:
    """What is no JSON object is an attempt too."""
    client.post(API, body, content_type="application/json")
    assert lines() == ["login_failed surface=api reason=rejected_by_form status=400"]


def test_script(client: Client, alice: User, lines: Lines) -> None:
    """The page can answer a script with JSON of another shape: one line all the same."""
    client.post(PAGE, {"login": "alice"}, headers={"Accept": "application/json"})
    assert lines() == ["login_failed surface=site reason=rejected_by_form user=alice status=400"]


def test_script_after_the_rate_limit(client: Client, alice: User, lines: Lines) -> None:
    """A script is refused with texts alone; that nobody has checked the password is told all the same."""
    for _ in range(5):
        post(client, PAGE, username="alice", password="wrong")
    lines()
    data = {"login": "alice", "password": "right"}
    client.post(PAGE, data, headers={"Accept": "application/json", "Accept-Language": "de"})
    assert lines() == ["login_blocked surface=site reason=rate_limited user=alice status=400"]


@pytest.fixture
def secret(alice: User, lines: Lines) -> str:
    """Give alice a second factor; return its secret."""
    found = str(generate_totp_secret())
    TOTP.activate(alice, found)
    RecoveryCodes.activate(alice)
    return found


@pytest.mark.parametrize("path", [PAGE, API])
def test_right_password_before_the_second_factor(
    client: Client, alice: User, secret: str, lines: Lines, path: str
) -> None:
    """The right password is no login yet, and no failure either, though the API asks for more with a 401."""
    post(client, path, username="alice", password="right")
    assert lines() == []


def test_right_second_factor(client: Client, alice: User, secret: str, lines: Lines) -> None:
    """The right code is the login."""
    post(client, PAGE, username="alice", password="right")
    code = format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))
    client.post("/accounts/2fa/authenticate/", {"code": code})
    assert lines() == ["login surface=site user=alice"]


def test_wrong_second_factor(client: Client, alice: User, secret: str, lines: Lines) -> None:
    """A wrong code is a line of its own."""
    post(client, PAGE, username="alice", password="right")
    client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert lines() == ["mfa_failed surface=site reason=bad_code user=alice"]


def test_wrong_second_factor_after_its_rate_limit(client: Client, alice: User, secret: str, lines: Lines) -> None:
    """After five codes allauth looks at none any more and sends no signal; the next is a line all the same."""
    post(client, PAGE, username="alice", password="right")
    for _ in range(5):
        client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    lines()
    client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert lines() == ["login_blocked surface=site reason=rate_limited user=alice status=200"]


@pytest.mark.parametrize(("code", "reason"), [("000000", "bad_code"), ("", "empty")])
def test_wrong_second_factor_of_the_api(
    client: Client, alice: User, secret: str, lines: Lines, code: str, reason: str
) -> None:
    """The same in the API, where the pending login answers 401."""
    answer = post(client, API, username="alice", password="right")
    token = answer.json()["meta"]["session_token"]
    lines()
    body = json.dumps({"code": code})
    path = "/_allauth/app/v1/auth/2fa/authenticate"
    client.post(path, body, content_type="application/json", headers={"X-Session-Token": token})
    status = "" if code else " status=400"
    user = " user=alice" if code else ""
    assert lines() == [f"mfa_failed surface=api reason={reason}{user}{status}"]


def test_passkey_that_nobody_has(client: Client, alice: User, lines: Lines) -> None:
    """A login with a passkey that is no answer to our challenge is a failed login."""
    client.get("/accounts/2fa/webauthn/login/", headers={"Accept": "application/json"})
    client.post("/accounts/2fa/webauthn/login/", {"credential": "{}"})
    assert lines() == ["login_failed surface=site reason=bad_code status=302"]


def ask_for_code(client: Client) -> str:
    """Ask for a code by mail; return it."""
    client.post("/accounts/login/code/", {"email": "alice@example.com"})
    found = re.search(r"^([A-Z0-9]{3,}-?[A-Z0-9]{3,})$", str(mail.outbox[-1].body), re.MULTILINE)
    assert found is not None
    return str(found[1])


def test_wrong_login_code(client: Client, alice: User, lines: Lines) -> None:
    """A code in place of a password is a credential like any other."""
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    ask_for_code(client)
    client.post("/accounts/login/code/confirm/", {"code": "WRONG-1"})
    assert lines() == ["login_failed surface=site reason=bad_code user=alice"]


def test_right_login_code(client: Client, alice: User, lines: Lines) -> None:
    """The right one is a login."""
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    client.post("/accounts/login/code/confirm/", {"code": ask_for_code(client)})
    assert lines() == ["login surface=site user=alice"]


def log_in(client: Client, lines: Lines) -> None:
    """Log alice in."""
    post(client, PAGE, username="alice", password="right")
    lines()


def test_password_changed(client: Client, alice: User, lines: Lines) -> None:
    """A changed password is one line."""
    log_in(client, lines)
    data = {"oldpassword": "right", "password1": "another-2026", "password2": "another-2026"}
    client.post("/accounts/password/change/", data)
    assert lines() == ["password_changed surface=site user=alice target=alice"]


def test_wrong_old_password(client: Client, alice: User, lines: Lines) -> None:
    """A wrong old password is one line."""
    log_in(client, lines)
    data = {"oldpassword": "wrong", "password1": "another-2026", "password2": "another-2026"}
    client.post("/accounts/password/change/", data)
    assert lines() == ["password_change_failed surface=site reason=wrong_old_password user=alice target=alice"]


def test_wrong_old_password_of_the_api(client: Client, alice: User, lines: Lines) -> None:
    """The same in the API."""
    log_in(client, lines)
    data = {"current_password": "wrong", "new_password": "another-2026"}
    client.post("/_allauth/browser/v1/account/password/change", data, content_type="application/json")
    assert lines() == ["password_change_failed surface=api reason=wrong_old_password user=alice target=alice"]


SCRIPT = {"Accept": "application/json"}  # the page answers it with JSON
PASSWORD_CHANGES: dict[str, Callable[[Client, str, str], object]] = {
    "site": lambda client, old, new: client.post(
        "/accounts/password/change/", {"oldpassword": old, "password1": new, "password2": new}
    ),
    "site for a script": lambda client, old, new: client.post(
        "/accounts/password/change/", {"oldpassword": old, "password1": new, "password2": new}, headers=SCRIPT
    ),
    "api": lambda client, old, new: post(
        client, "/_allauth/browser/v1/account/password/change", current_password=old, new_password=new
    ),
}
every_password_change = pytest.mark.parametrize("kind", PASSWORD_CHANGES)


@every_password_change
def test_five_wrong_old_passwords(client: Client, alice: User, lines: Lines, kind: str) -> None:
    """Each wrong old password is a guess, whatever the new one is."""
    log_in(client, lines)
    for new in ("another-2026", "1", "", "1", "another-2026"):
        PASSWORD_CHANGES[kind](client, "wrong", new)
    where = kind.split(maxsplit=1)[0]
    line = f"password_change_failed surface={where} reason=wrong_old_password user=alice target=alice"
    assert lines() == [line] * 5


@every_password_change
def test_five_refused_new_passwords(client: Client, alice: User, lines: Lines, kind: str) -> None:
    """A new password that is refused is a guess at nothing, though the form may show the old one again."""
    log_in(client, lines)
    for _ in range(5):
        PASSWORD_CHANGES[kind](client, "right", "1")
    assert [line.split()[0] for line in lines()] == ["password_rejected"] * 5


def test_refused_first_password(client: Client, alice: User, lines: Lines) -> None:
    """So is the first password of a user who has logged in without one."""
    alice.set_unusable_password()
    alice.save()
    client.force_login(alice)
    lines.events.clear()  # that login has no address
    client.post("/accounts/password/set/", {"password1": "1", "password2": "1"})
    assert lines() == ["password_rejected surface=site reason=rejected_by_form user=alice target=alice"]


def test_reset_requested(client: Client, alice: User, lines: Lines) -> None:
    """Asking for a link that resets a password is one line."""
    client.post("/accounts/password/reset/", {"email": "alice@example.com"})
    assert lines() == ["password_reset_requested surface=site user=alice@example.com status=302"]


def test_reset_requested_of_the_api(client: Client, alice: User, lines: Lines) -> None:
    """The same in the API."""
    post(client, "/_allauth/app/v1/auth/password/request", email="alice@example.com")
    assert lines() == ["password_reset_requested surface=api user=alice@example.com status=200"]


def test_reset_malformed(client: Client, alice: User, lines: Lines) -> None:
    """What is no address asks for nothing."""
    post(client, "/_allauth/app/v1/auth/password/request", email="alice")
    assert lines() == []


def test_reset_completed(client: Client, alice: User, lines: Lines) -> None:
    """A password that was set through a link is one line, and the key in the link is in none."""
    client.post("/accounts/password/reset/", {"email": "alice@example.com"})
    link = re.search(r"http://testserver(\S+)", str(mail.outbox[-1].body))
    assert link is not None
    lines()
    form = client.get(link[1], follow=True)
    data = {"password1": "another-2026", "password2": "another-2026"}
    client.post(form.redirect_chain[-1][0], data)
    assert lines() == ["password_reset_completed surface=site user=alice"]


def test_wrong_password_to_prove_oneself(client: Client, alice: User, lines: Lines) -> None:
    """Who is asked for the password once more and does not know it has perhaps found an open browser."""
    log_in(client, lines)
    client.post("/accounts/reauthenticate/", {"password": "wrong"})
    assert lines() == ["login_failed surface=site reason=bad_credentials user=alice"]


def test_session_token_that_nobody_has(client: Client, lines: Lines) -> None:
    """A token of no session is a line; it may be an old one, so it is not counted."""
    client.get("/_allauth/app/v1/auth/session", headers={"X-Session-Token": "c4nary"})
    assert lines() == ["permission_denied surface=api reason=credentials_refused status=410"]


def test_no_session_token(client: Client, lines: Lines) -> None:
    """An application that asks whether somebody is logged in is no refusal."""
    assert (client.get("/_allauth/app/v1/auth/session").status_code, lines()) == (401, [])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"refresh_token": "c4nary"}, ["token_failed surface=api reason=bad_token status=400"]),
        ({}, []),
    ],
)
def test_refresh_token(client: Client, lines: Lines, data: dict[str, str], expected: list[str]) -> None:
    """A refresh token that nobody was given is a failed token; one that is missing is none."""
    client.post("/_allauth/app/v1/tokens/refresh", data, content_type="application/json")
    assert lines() == expected


def test_wrong_reset_code(client: Client, alice: User, lines: Lines, settings: Any) -> None:
    """Who guesses the code that resets a password takes over the account, so a wrong one is a failed login."""
    settings.ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
    post(client, "/_allauth/browser/v1/auth/password/request", email="alice@example.com")
    lines()
    post(client, "/_allauth/browser/v1/auth/password/reset", key="WRONG-1", password="another-2026")
    assert lines() == ["login_failed surface=api reason=bad_reset_code user=alice"]
