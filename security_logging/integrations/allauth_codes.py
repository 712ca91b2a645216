"""django-allauth: wrong codes that prove an e-mail address or a phone number, or reset a password."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from allauth.account import signals
from django.urls import reverse

from security_logging.events.types import LOGIN_FAILED
from security_logging.internal.errors import guarded
from security_logging.request.cross_site import SAFE_METHODS
from security_logging.request.user import actor_name, name_of
from security_logging.request.views import is_of, view_class_of
from security_logging.watchers.form_errors import error_codes, form_in
from security_logging.watchers.login_forms import is_refused, log_untried
from security_logging.watchers.prior_failures import log_failure
from security_logging.watchers.responses import add_reader

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
    from django.urls import ResolverMatch

BAD_EMAIL_CODE = "bad_email_code"
BAD_PHONE_CODE = "bad_phone_code"
BAD_RESET_CODE = "bad_reset_code"

# The views, classes and functions, in which a code is checked, and the reason of a wrong one.
_VIEWS: Mapping[str, Mapping[str, str]] = {
    "allauth.account.views": {
        "ConfirmEmailVerificationCodeView": BAD_EMAIL_CODE,
        "email_verification_sent": BAD_EMAIL_CODE,
        "verify_phone": BAD_PHONE_CODE,
        "ConfirmPasswordResetCodeView": BAD_RESET_CODE,
    },
    "allauth.headless.account.views": {
        "VerifyEmailView": BAD_EMAIL_CODE,
        "VerifyPhoneView": BAD_PHONE_CODE,
        "ResetPasswordView": BAD_RESET_CODE,
    },
}
_CODE_HEADERS = ("X-Email-Verification-Key", "X-Password-Reset-Key")  # in which the API is sent a code by GET


def connect() -> None:
    """Connect the receivers and read the answers, because a code for a phone or of no user sends no signal."""
    reset = signals.password_reset_code_rejected
    reset.connect(on_reset_code_rejected, weak=False, dispatch_uid="security_logging.reset_code")
    email = getattr(signals, "email_verification_code_rejected", None)  # not in every release
    if email is not None:
        email.connect(on_email_code_rejected, weak=False, dispatch_uid="security_logging.email_code")
    add_reader(read_answer)


@guarded("allauth_codes")
def on_reset_code_rejected(sender: object, request: HttpRequest | None = None, user: Any = None, **kw: object) -> None:
    """Log a wrong code for a new password: who guesses it takes over the account."""
    _log_rejected(request, BAD_RESET_CODE, user)


@guarded("allauth_codes")
def on_email_code_rejected(sender: object, request: HttpRequest | None = None, user: Any = None, **kw: object) -> None:
    """Log a wrong code for an e-mail address: who guesses it owns an account in another person's name."""
    _log_rejected(request, BAD_EMAIL_CODE, user)


def read_answer(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Log a wrong code of which no signal was sent."""
    reason = _reason_of(request.resolver_match)
    if reason is None:
        return False
    if is_refused(request):
        return True
    if "incorrect_code" in _error_codes(response):
        status = response.status_code
        log_failure(LOGIN_FAILED, request, reason=reason, status=status, user=actor_name(request))
    elif request.POST.get("code") and _is_sent_to_the_login(response):  # one too many, or without a code to check it by
        log_untried(request, reason, response.status_code, actor_name(request))
    return True


def _log_rejected(request: HttpRequest | None, reason: str, user: Any) -> None:
    """
    Log the code that a signal is about.

    To a GET without any code allauth sends the signal too. An image in a hostile page can be such a request, so it is
    no attempt.
    """
    is_bare = getattr(request, "method", None) in SAFE_METHODS and not _has_code_in_header(request)
    if not is_bare:
        log_failure(LOGIN_FAILED, request, reason=reason, user=name_of(user))


def _has_code_in_header(request: HttpRequest | None) -> bool:
    return request is not None and any(request.headers.get(name) for name in _CODE_HEADERS)


def _reason_of(match: ResolverMatch | None) -> str | None:
    found = (
        reason for module, views in _VIEWS.items() for name, reason in views.items() if _is_view(match, module, name)
    )
    return next(found, None)


def _is_view(match: ResolverMatch | None, module: str, name: str) -> bool:
    """Return whether the module's function of that name serves the request, or its class or one derived from it."""
    view = getattr(sys.modules.get(module), name, None)
    return match is not None and (match.func is view or is_of(view_class_of(match), module, name))


def _error_codes(response: HttpResponseBase) -> set[str | None]:
    """Return the codes of the errors on the page or in the JSON of the API."""
    if getattr(response, "context_data", None):
        return error_codes(form_in(response))
    if response.status_code != 400:
        return set()
    try:
        return {error.get("code") for error in json.loads(getattr(response, "content", b"")).get("errors", ())}
    except (ValueError, AttributeError):  # not the JSON of the API
        return set()


def _is_sent_to_the_login(response: HttpResponseBase) -> bool:
    location = str(response.headers.get("Location", "")).partition("?")[0]
    return response.status_code == 302 and location == reverse("account_login")
