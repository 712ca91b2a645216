"""django-allauth: attempts that its forms and its API end without a signal, codes, and changes of passwords."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

from allauth.account import signals
from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import ValidationError
from django.urls import reverse

from security_logging.events.types import (
    LOGIN_FAILED,
    MFA_FAILED,
    PASSWORD_CHANGE_FAILED,
    PASSWORD_CHANGED,
    PASSWORD_REJECTED,
    PASSWORD_RESET_COMPLETED,
    PASSWORD_RESET_REQUESTED,
    TOKEN_FAILED,
    EventType,
)
from security_logging.internal.errors import guarded
from security_logging.logger import log_event
from security_logging.request.user import actor, key_of, name_of, target
from security_logging.request.views import AccountView, add_account_views, is_of, view_class_of
from security_logging.watchers import refusals
from security_logging.watchers.form_errors import error_codes, form_in
from security_logging.watchers.login_forms import EMPTY, REJECTED_BY_FORM, is_refused, log_refused_token, log_untried
from security_logging.watchers.logins import is_marked_locked, log_blocked, mark_locked, typed_name
from security_logging.watchers.passwords import WRONG_OLD_PASSWORD, log_refused_change
from security_logging.watchers.prior_failures import log_failure
from security_logging.watchers.responses import add_reader

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

BAD_CODE = "bad_code"
BAD_TOKEN = "bad_token"  # noqa: S105 (a reason, no token)
RATE_LIMITED = "rate_limited"

# The event of a refusal, by module and view, for the views that send no signal.
_VIEWS: Mapping[str, Mapping[str, EventType]] = {
    "allauth.account.views": {
        "LoginView": LOGIN_FAILED,
        "ReauthenticateView": LOGIN_FAILED,
        "ConfirmLoginCodeView": LOGIN_FAILED,
        "PasswordChangeView": PASSWORD_CHANGE_FAILED,
        "PasswordSetView": PASSWORD_REJECTED,
    },
    "allauth.mfa.base.views": {"AuthenticateView": MFA_FAILED, "ReauthenticateView": MFA_FAILED},
    "allauth.mfa.webauthn.views": {"LoginWebAuthnView": LOGIN_FAILED, "ReauthenticateWebAuthnView": MFA_FAILED},
    "allauth.headless.account.views": {
        "LoginView": LOGIN_FAILED,
        "ReauthenticateView": LOGIN_FAILED,
        "ConfirmLoginCodeView": LOGIN_FAILED,
        "RequestPasswordResetView": PASSWORD_RESET_REQUESTED,
        "ChangePasswordView": PASSWORD_CHANGE_FAILED,
    },
    "allauth.headless.tokens.views": {"RefreshTokenView": TOKEN_FAILED},
    "allauth.headless.mfa.views": {
        "AuthenticateView": MFA_FAILED,
        "ReauthenticateView": MFA_FAILED,
        "AuthenticateWebAuthnView": MFA_FAILED,
        "ReauthenticateWebAuthnView": MFA_FAILED,
        "LoginWebAuthnView": LOGIN_FAILED,
    },
}
_REASONS = {
    "too_many_login_attempts": RATE_LIMITED,
    "incorrect_code": BAD_CODE,
    "enter_current_password": WRONG_OLD_PASSWORD,
    "required": EMPTY,
}


def connect() -> None:
    """
    Connect the receivers, read the answers, and see when the limit of failed logins refuses an attempt.

    The page answers a script with the errors' texts alone, in the visitor's language, so the limit itself is watched.
    """
    adapter: Any = DefaultAccountAdapter
    if not hasattr(adapter.pre_authenticate, "__wrapped__"):
        adapter.pre_authenticate = _watched(adapter.pre_authenticate)
    signals.login_code_rejected.connect(on_login_code_rejected, weak=False, dispatch_uid="security_logging.code")
    for signal in (signals.password_changed, signals.password_set):
        signal.connect(on_password_changed, weak=False, dispatch_uid="security_logging.password_changed")
    signals.password_reset.connect(on_password_reset, weak=False, dispatch_uid="security_logging.password_reset")
    kinds = {"LoginView": AccountView.LOGIN, "PasswordResetView": AccountView.RESET_REQUEST}
    add_account_views("allauth.account.views", kinds)
    refusals.add_question("allauth.headless.base.views", "APIView")
    add_reader(read_answer)


def _watched(pre_authenticate: Callable[..., None]) -> Callable[..., None]:
    @wraps(pre_authenticate)
    def pre_authenticate_and_mark(adapter: object, request: HttpRequest, *args: Any, **credentials: Any) -> None:
        try:
            pre_authenticate(adapter, request, *args, **credentials)
        except ValidationError:
            mark_locked(request, is_locked=True)
            raise

    return pre_authenticate_and_mark


@guarded("allauth")
def on_login_code_rejected(sender: object, request: HttpRequest | None = None, user: Any = None, **kw: object) -> None:
    """Log a wrong code in place of a password; the user who asked for one need not exist."""
    log_failure(LOGIN_FAILED, request, reason=BAD_CODE, user=name_of(user))


@guarded("allauth")
def on_password_changed(sender: object, request: HttpRequest | None = None, user: Any = None, **kw: object) -> None:
    """Log that users changed their own password, or set their first."""
    log_event(PASSWORD_CHANGED, request, **actor(request), **target(user))


@guarded("allauth")
def on_password_reset(sender: object, request: HttpRequest | None = None, user: Any = None, **kw: object) -> None:
    """Log that a password was set through a link or a code."""
    log_event(PASSWORD_RESET_COMPLETED, request, user=name_of(user), user_id=key_of(user))


def read_answer(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Log what an answer of allauth says and no signal does: a limit reached, something missing or malformed."""
    event_type = _event_type_of(view_class_of(request.resolver_match))
    if event_type is None:
        return False
    if event_type is PASSWORD_RESET_REQUESTED:
        if response.status_code == 200:
            log_event(event_type, request, status=200, user=_typed(request))
    elif (codes := _error_codes(response)) and not is_refused(request):
        _log(event_type, request, response, RATE_LIMITED if is_marked_locked(request) else _reason(codes))
    return True


def _log(event_type: EventType, request: HttpRequest, response: HttpResponseBase, reason: str) -> None:
    who = actor(request)
    status = response.status_code
    if event_type is TOKEN_FAILED:
        if reason != EMPTY:
            log_refused_token(request, BAD_TOKEN, status)
    elif event_type in (PASSWORD_CHANGE_FAILED, PASSWORD_REJECTED):
        log_refused_change(request, reason, **who, target=who.get("user"), target_id=who.get("user_id"))
    elif reason == RATE_LIMITED:
        log_blocked(request, reason, who.get("user") or name_of(_pending(response)) or _typed(request), status)
    elif event_type is LOGIN_FAILED:  # of a passkey too: the answer to an empty one is that to a wrong one
        log_untried(request, reason, status, _typed(request))
    else:
        user = who.get("user") or name_of(_pending(response))
        if reason == BAD_CODE:
            log_failure(event_type, request, reason=reason, status=status, user=user)
        else:
            log_untried(request, reason, status, user, event_type)


def _pending(response: HttpResponseBase) -> Any | None:
    """Return the user whose password was right and whose second factor is missing."""
    return getattr(form_in(response), "user", None)


def _event_type_of(view_class: Any) -> EventType | None:
    found = (
        kind for module, views in _VIEWS.items() for name, kind in views.items() if is_of(view_class, module, name)
    )
    return next(found, None)


def _reason(codes: set[str | None]) -> str:
    return next((reason for code, reason in _REASONS.items() if code in codes), REJECTED_BY_FORM)


def _error_codes(response: HttpResponseBase) -> set[str | None]:
    """Return the codes of the errors that the answer shows, on a page or in JSON; of an ordinary answer none."""
    if getattr(response, "context_data", None):
        return error_codes(form_in(response)) | error_codes(form_in(response, "webauthn_form"))
    if response.status_code != 400:
        return {"incorrect_code"} if _is_back_to_start(response) else set()
    try:
        found = json.loads(getattr(response, "content", b""))
        if _is_wrong_old_password(found):
            return {"enter_current_password"}
        return {str(error.get("code")) for error in found.get("errors", ())} or {""}
    except (ValueError, AttributeError):  # not the JSON of the API: refused all the same
        return {""}


def _is_wrong_old_password(found: Any) -> bool:
    """Return whether a page says so to a script, with a message in place of a code: an old password, and its errors."""
    old = found.get("form", {}).get("fields", {}).get("oldpassword", {})
    return bool(old.get("value") and old.get("errors"))


def _is_back_to_start(response: HttpResponseBase) -> bool:
    """Return whether a passkey was refused: then the answer is the login page with a message."""
    return response.status_code == 302 and response.headers.get("Location") == reverse("account_login")


@guarded("user")
def _typed(request: HttpRequest) -> str | None:
    """Return the user name in the form or in the JSON that was sent, attacker-controlled."""
    if request.content_type != "application/json":
        return typed_name(request.POST)
    try:
        sent = json.loads(request.body)
    except ValueError:
        return None
    return typed_name(sent) if isinstance(sent, Mapping) else None
