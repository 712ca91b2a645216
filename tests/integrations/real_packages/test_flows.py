"""What the packages' users and attackers do, under WSGI, under ASGI and without the middleware: exactly these lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import AsyncClient, Client, RequestFactory
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp.util import random_hex
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import Aaguid, AttestationObject, AttestedCredentialData, AuthenticatorData
from oauth2_provider.models import Application
from two_factor.admin import patch_admin, unpatch_admin

from integrations.real_packages.conftest import ADDRESS
from security_logging.checks.missing_events import MISSING, WITHOUT_ADDRESS, Missing, missing_here
from security_logging.events.event import SecurityEvent
from security_logging.watchers import prior_failures

pytestmark = pytest.mark.django_db

FLAG = AuthenticatorData.FLAG
OURS = "security_logging.middleware.SecurityLoggingMiddleware"
JSON = "application/json"
ALICE = {"username": "alice", "password": "right"}
GUESS = {"username": "alice", "password": "wrong"}
PAGE, API = "/accounts/login/", "/_allauth/app/v1/auth/login"
OTP_DEVICE = "otp_static.staticdevice/1"


class AsyncBrowser(AsyncClient):
    """A client of an ASGI server that the same code can use as the sync one; its address may be banned."""

    async def request(self, **request: Any) -> Any:
        """Send the request from there."""
        return await super().request(client=(ADDRESS, 4711), **request)

    def get(self, *arguments: Any, **options: Any) -> Any:
        """Wait for the answer."""
        return async_to_sync(super().get)(*arguments, **options)

    def post(self, *arguments: Any, **options: Any) -> Any:
        """Wait for the answer."""
        return async_to_sync(super().post)(*arguments, **options)


Browser = Client | AsyncBrowser


@dataclass(frozen=True)
class Flow:
    """
    What somebody does, and the lines that it leaves: event and reason.

    `before` is done first, and its lines are not looked at; `without` are the lines without the middleware, where they
    are others.
    """

    app: str
    act: Callable[[Browser], object]
    lines: list[str]
    before: Callable[[Browser], object] = lambda browser: None
    without: list[str] | None = None


def post(path: str, **data: str) -> Callable[[Browser], object]:
    """Return what sends a form."""
    return lambda browser: browser.post(path, data)


def send(path: str, **data: str) -> Callable[[Browser], object]:
    """Return what sends JSON."""
    return lambda browser: browser.post(path, json.dumps(data), content_type=JSON)


def get(path: str, authorization: str) -> Callable[[Browser], object]:
    """Return what asks with credentials."""
    return lambda browser: browser.get(path, headers={"authorization": authorization})


def times(number: int, act: Callable[[Browser], object]) -> Callable[[Browser], object]:
    """Return what does it as often."""
    return lambda browser: [act(browser) for _ in range(number)]


def both(*acts: Callable[[Browser], object]) -> Callable[[Browser], object]:
    """Return what does one after the other."""
    return lambda browser: [act(browser) for act in acts]


def authenticator_of_allauth(browser: Browser) -> None:
    """Give alice a second factor in django-allauth."""
    TOTP.activate(User.objects.get(), generate_totp_secret())


def passkey(browser: Browser) -> None:
    """Give alice a passkey in django-allauth."""
    key = ES256({1: 2, 3: -7, -1: 1, -2: b"x" * 32, -3: b"y" * 32})  # RFC 9053: a point that nobody looks at
    data = AttestedCredentialData.create(Aaguid.NONE, b"id", key)
    made = AttestationObject.create("none", AuthenticatorData.create(b"h" * 32, FLAG.AT, 0, data), {})
    client_data = websafe_encode(b'{"type": "webauthn.create", "challenge": "AA", "origin": "http://testserver"}')
    response = {"attestationObject": websafe_encode(made), "clientDataJSON": client_data}
    credential = {"id": "aWQ", "rawId": "aWQ", "type": "public-key", "response": response}
    kept = {"name": "key", "credential": credential}
    Authenticator.objects.create(user=User.objects.get(), type=Authenticator.Type.WEBAUTHN, data=kept)


def codes(browser: Browser) -> None:
    """Make alice staff and give her a list of codes in django-otp."""
    User.objects.update(is_staff=True)
    StaticDevice.objects.create(pk=1, user=User.objects.get(), name="codes")


def authenticator(browser: Browser) -> None:
    """Give alice an authenticator in django-two-factor-auth."""
    TOTPDevice.objects.create(user=User.objects.get(), name="default", key=random_hex())


def application(browser: Browser) -> None:
    """Let an application ask for tokens."""
    Application.objects.create(
        client_id="app",
        client_secret="secret",
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_PASSWORD,
    )


def signed_up_again(browser: Browser) -> None:
    """Sign up with alice's address, so that allauth acts as if it had mailed a code."""
    EmailAddress.objects.create(user=User.objects.get(), email="alice@example.com", verified=True, primary=True)
    data = {"username": "mallory", "password1": "another-2026", "password2": "another-2026"}
    browser.post("/accounts/signup/", {"email": "alice@example.com", **data})


def passkey_challenge(browser: Browser) -> None:
    """Ask for the challenge that a passkey would answer."""
    browser.get("/accounts/2fa/webauthn/login/", headers={"Accept": JSON})


def wizard(step: str, **data: str) -> Callable[[Browser], object]:
    """Return what fills in a step of the wizard of django-two-factor-auth."""
    return post(
        "/account/login/", **{"login_view-current_step": step, **{f"{step}-{name}": v for name, v in data.items()}}
    )


def otp(token: str, **data: str) -> Callable[[Browser], object]:
    """Return what sends name, password and code at once."""
    return post("/otp/login/", **ALICE, otp_device=OTP_DEVICE, otp_token=token, **data)


def code_of_allauth(code: str) -> Callable[[Browser], object]:
    """Return what sends the second factor."""
    return post("/accounts/2fa/authenticate/", code=code)


def code_to_the_api(code: str) -> Callable[[Browser], object]:
    """Return what logs in and sends the second factor to the API, which keeps the pending login in a session of its."""

    def act(browser: Browser) -> None:
        answer: Any = send(API, **ALICE)(browser)
        token = answer.json()["meta"]["session_token"]
        path = "/_allauth/app/v1/auth/2fa/authenticate"
        browser.post(path, json.dumps({"code": code}), content_type=JSON, headers={"X-Session-Token": token})

    return act


logged_in = post(PAGE, login="alice", password="right")
pending = both(authenticator_of_allauth, logged_in)
guess_at_page = post(PAGE, login="alice", password="wrong")
passkey_asked_for = both(passkey, logged_in, lambda browser: browser.get("/accounts/2fa/authenticate/"))
change = post("/accounts/password/change/", oldpassword="wrong", password1="another-2026", password2="another-2026")
oauth2 = {"client_id": "app", "client_secret": "secret"}

FAILED, MFA, TOKEN, BLOCKED = "login_failed", "mfa_failed", "token_failed", "login_blocked"
NO_LINE: list[str] = []
NOBODYS = ", nobody's"
FLOWS = {
    "drf token": Flow("rest_framework", get("/api/whoami/", "Token wrong"), [f"{TOKEN} bad_token"]),
    "drf basic": Flow("rest_framework", get("/api/basic/", "Basic YWxpY2U6d3Jvbmc="), [f"{FAILED} bad_credentials"]),
    "drf obtain, wrong": Flow("rest_framework", post("/api/token/", **GUESS), [f"{FAILED} bad_credentials"]),
    "drf obtain, empty": Flow("rest_framework", post("/api/token/", username="alice"), [f"{FAILED} empty"]),
    "drf obtain": Flow("rest_framework", post("/api/token/", **ALICE), ["login token"], without=NO_LINE),
    "drf throttle": Flow(
        "rest_framework", get("/api/busy/", "Basic YWxpY2U6cmlnaHQ="), ["rate_limited too_many_requests"]
    ),
    "simplejwt bearer": Flow("rest_framework", get("/api/jwt/", "Bearer a.b.c"), [f"{TOKEN} bad_token"]),
    "simplejwt refresh": Flow("rest_framework", send("/api/jwt/refresh/", refresh="a.b"), [f"{TOKEN} bad_token"]),
    "simplejwt obtain, wrong": Flow("rest_framework", send("/api/jwt/obtain/", **GUESS), [f"{FAILED} bad_credentials"]),
    "simplejwt obtain": Flow("rest_framework", send("/api/jwt/obtain/", **ALICE), ["login token"], without=NO_LINE),
    "allauth page": Flow("allauth.account", guess_at_page, [f"{FAILED} bad_credentials"]),
    "allauth API": Flow("allauth.account", send(API, **GUESS), [f"{FAILED} bad_credentials"]),
    "allauth limit": Flow(
        "allauth.account", guess_at_page, [f"{BLOCKED} rate_limited"], times(5, guess_at_page), without=NO_LINE
    ),
    "allauth passkey": Flow(
        "allauth.mfa",
        post("/accounts/2fa/webauthn/login/", credential="{}"),
        [f"{FAILED} bad_code"],
        passkey_challenge,
        without=NO_LINE,
    ),
    "allauth empty": Flow("allauth.account", post(PAGE, login="alice"), [f"{FAILED} empty"], without=NO_LINE),
    "allauth no JSON": Flow(
        "allauth.account",
        lambda browser: browser.post(API, "{", content_type=JSON),
        [f"{FAILED} rejected_by_form"],
        without=NO_LINE,
    ),
    "allauth other site": Flow(
        "allauth.account",
        lambda browser: browser.post(PAGE, {"login": "alice"}, headers={"Sec-Fetch-Site": "cross-site"}),
        ["crosssite_request empty"],
        without=NO_LINE,
    ),
    "allauth reset": Flow(
        "allauth.account",
        post("/accounts/password/reset/", email="alice@example.com"),
        ["password_reset_requested -"],
        without=NO_LINE,
    ),
    "allauth old password": Flow(
        "allauth.account", change, ["password_change_failed wrong_old_password"], logged_in, without=NO_LINE
    ),
    "allauth weak password": Flow(
        "allauth.account",
        post("/accounts/password/change/", oldpassword="right", password1="1", password2="1"),
        ["password_rejected rejected_by_form"],
        logged_in,
        without=NO_LINE,
    ),
    "allauth e-mail code of nobody": Flow(
        "allauth.account",
        post("/accounts/confirm-email/", code="WRONG-1"),
        [f"{FAILED} bad_email_code"],
        signed_up_again,
        without=NO_LINE,
    ),
    "allauth phone code": Flow(
        "allauth.account",
        send("/_allauth/browser/v1/auth/phone/verify", code="WRONG-1"),
        [f"{FAILED} bad_phone_code"],
        both(logged_in, send("/_allauth/browser/v1/account/phone", phone="+4930123456")),
        without=NO_LINE,
    ),
    "allauth code": Flow("allauth.mfa", code_of_allauth("000000"), [f"{MFA} bad_code"], pending),
    "allauth codes": Flow(
        "allauth.mfa",
        code_of_allauth("000000"),
        [f"{BLOCKED} rate_limited"],
        both(pending, times(5, code_of_allauth("000000"))),
        without=NO_LINE,
    ),
    "allauth passkey as a second factor": Flow(
        "allauth.mfa",
        post("/accounts/2fa/authenticate/", credential='{"id": "aWQ", "rawId": "aWQ"}'),
        [f"{MFA} bad_code"],
        passkey_asked_for,
        without=NO_LINE,
    ),
    "allauth no passkey": Flow(
        "allauth.mfa",
        post("/accounts/2fa/authenticate/", credential="{"),
        [f"{MFA} rejected_by_form"],
        passkey_asked_for,
        without=NO_LINE,
    ),
    "allauth no code": Flow("allauth.mfa", code_of_allauth(""), [f"{MFA} empty"], pending, without=NO_LINE),
    "allauth code to the API": Flow(
        "allauth.mfa", code_to_the_api("000000"), [f"{MFA} bad_code"], authenticator_of_allauth
    ),
    "allauth refresh": Flow(
        "allauth.headless",
        send("/_allauth/app/v1/tokens/refresh", refresh_token="wrong"),
        [f"{TOKEN} bad_token"],
        without=NO_LINE,
    ),
    "axes limit": Flow(
        "axes",
        post("/login/", **GUESS),
        ["login_locked too_many_failures", f"{FAILED} bad_credentials"],
        times(2, post("/login/", **GUESS)),
    ),
    "axes locked": Flow("axes", post("/login/", **ALICE), [f"{BLOCKED} locked"], times(3, post("/login/", **GUESS))),
    "otp code": Flow("django_otp", otp("wrong"), [f"{MFA} bad_code"], codes, [f"{MFA} bad_code{NOBODYS}"]),
    "otp limit": Flow("django_otp", otp("wrong"), [f"{BLOCKED} locked"], both(codes, otp("wrong")), without=NO_LINE),
    "two_factor password": Flow("two_factor", wizard("auth", **GUESS), [f"{FAILED} bad_credentials"]),
    "two_factor code": Flow(
        "django_otp",
        wizard("token", otp_token="000000"),
        [f"{MFA} bad_code"],
        both(authenticator, wizard("auth", **ALICE)),
        [f"{MFA} bad_code{NOBODYS}"],
    ),
    "two_factor no code": Flow(
        "django_otp",
        wizard("token", otp_token=""),
        [f"{MFA} empty"],
        both(authenticator, wizard("auth", **ALICE)),
        without=NO_LINE,
    ),
    "two_factor letters": Flow(
        "django_otp",
        wizard("token", otp_token="abcdef"),
        [f"{MFA} rejected_by_form"],
        both(authenticator, wizard("auth", **ALICE)),
        without=NO_LINE,
    ),
    "two_factor limit": Flow(
        "django_otp",
        wizard("token", otp_token="000000"),
        [f"{BLOCKED} locked"],
        both(authenticator, wizard("auth", **ALICE), wizard("token", otp_token="000000")),
        without=NO_LINE,
    ),
    "two_factor admin": Flow("two_factor", post("/admin/login/", **GUESS), [f"{FAILED} redirected"], without=NO_LINE),
    "oauth2 client": Flow(
        "oauth2_provider",
        post("/oauth2/token/", grant_type="client_credentials", client_id="app", client_secret="wrong"),
        [f"{TOKEN} invalid_client"],
        application,
        ["permission_denied credentials_missing"],
    ),
    "oauth2 refresh": Flow(
        "oauth2_provider",
        post("/oauth2/token/", grant_type="refresh_token", refresh_token="wrong", **oauth2),
        [f"{TOKEN} invalid_grant"],
        application,
        without=NO_LINE,
    ),
    "oauth2 password": Flow(
        "oauth2_provider",
        post("/oauth2/token/", grant_type="password", **oauth2, **GUESS),
        [f"{FAILED} bad_credentials"],
        application,
    ),
    "oauth2 bearer": Flow("oauth2_provider", get("/api/oauth2/", "Bearer wrong"), [f"{TOKEN} bad_token"]),
}
every_flow = pytest.mark.parametrize("name", FLOWS)


@pytest.fixture(autouse=True)
def _as_installed(request: pytest.FixtureRequest, alice: User, settings: Any) -> Iterator[None]:
    """Let axes lock after three failures where that is the matter, and the admin send on to the wizard."""
    name = str(request.node.name)
    if "[axes" in name:
        settings.AXES_FAILURE_LIMIT = 3
    if "e-mail code" in name:
        settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
        settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
        settings.ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
    if "phone code" in name:
        settings.ACCOUNT_ADAPTER = "integrationsite.phones.Adapter"
    if "[two_factor admin" in name:
        settings.ROOT_URLCONF = "integrationsite.patched_urls"
        patch_admin()
    yield
    unpatch_admin()


@every_flow
def test_sync(name: str, captured: list[SecurityEvent]) -> None:
    """Under WSGI a flow leaves exactly its lines."""
    assert run(Client(REMOTE_ADDR=ADDRESS), FLOWS[name], captured) == FLOWS[name].lines


@every_flow
def test_async(name: str, captured: list[SecurityEvent]) -> None:
    """Under ASGI it leaves the same."""
    assert run(AsyncBrowser(), FLOWS[name], captured) == FLOWS[name].lines


FAILURES = (FAILED, MFA)


@pytest.mark.parametrize("name", [name for name in FLOWS if FLOWS[name].lines[-1].split()[0] in FAILURES])
def test_failures_are_counted(name: str, captured: list[SecurityEvent], settings: Any) -> None:
    """Each failed login and second factor is one that the next login of the address says was before it."""
    settings.SECURITY_LOGGING_PRIOR_FAILURES_WINDOW = 60
    request = RequestFactory().get("/", REMOTE_ADDR=ADDRESS)
    count = partial(prior_failures.before_login, "somebody else", request)
    FLOWS[name].before(client := Client(REMOTE_ADDR=ADDRESS))
    before = count()
    FLOWS[name].act(client)
    assert count() == (before or 0) + 1


@every_flow
def test_without_the_middleware(name: str, captured: list[SecurityEvent], settings: Any) -> None:
    """Without the middleware what the packages signal is still logged."""
    settings.MIDDLEWARE = [path for path in settings.MIDDLEWARE if path != OURS]
    assert run(Client(REMOTE_ADDR=ADDRESS), FLOWS[name], captured) == left(FLOWS[name])


def test_missing_without_the_middleware() -> None:
    """The system check names exactly what the flows of each package lose, beyond what any site loses."""
    lost = {(flow.app, line) for flow in FLOWS.values() for line in flow.lines if not remaining(flow, line)}
    assert {(app, line) for app, line in lost if not is_of_any_site(line)} == {
        (missing.app, line) for missing in MISSING if missing.app for line in named(missing)
    }


def test_address_missing_without_the_middleware() -> None:
    """It names each line that then has no address."""
    nobodys = {(flow.app, line) for flow in FLOWS.values() for line in flow.lines if f"{line}{NOBODYS}" in left(flow)}
    assert nobodys == {(missing.app, line) for missing in WITHOUT_ADDRESS for line in named(missing)}


def test_events_missing_here() -> None:
    """The doctor names the events of the installed packages too, each once."""
    assert missing_here()[9:] == ["login", "login_blocked", "mfa_failed", "token_failed"]


def named(missing: Missing) -> list[str]:
    """Return the lines that it stands for."""
    return [f"{missing.event} {reason}" for reason in missing.reasons]


def is_of_any_site(line: str) -> bool:
    """Tell whether the line is among those that a site without any package loses too."""
    event, reason = line.split()
    return any(m.event == event and reason in (m.reasons or [reason]) for m in MISSING if not m.app)


def remaining(flow: Flow, line: str) -> bool:
    """Tell whether the line is written without the middleware, be it without an address."""
    return line in left(flow) or f"{line}{NOBODYS}" in left(flow)


def run(browser: Browser, flow: Flow, captured: list[SecurityEvent]) -> list[str]:
    """Do what the flow says; return the lines."""
    flow.before(browser)
    captured.clear()
    flow.act(browser)
    return [told(event) for event in captured]


def told(event: SecurityEvent) -> str:
    """Return event and reason, and whether the address is missing."""
    text = f"{event.type.name} {event.fields['reason']}"
    return text if event.address == ADDRESS else f"{text}{NOBODYS}"


def left(flow: Flow) -> list[str]:
    """Return the lines without the middleware."""
    return flow.lines if flow.without is None else flow.without
