"""Passwords that are reset and changed in Django's views, which send no signal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from django.utils.http import urlsafe_base64_decode

from security_logging.events.types import (
    PASSWORD_CHANGE_FAILED,
    PASSWORD_CHANGED,
    PASSWORD_REJECTED,
    PASSWORD_RESET_COMPLETED,
    PASSWORD_RESET_REQUESTED,
)
from security_logging.internal.errors import guarded
from security_logging.logger import log_event
from security_logging.request.user import acting_user, actor, name_of, target
from security_logging.watchers.form_errors import error_codes, form_in
from security_logging.watchers.login_forms import REJECTED_BY_FORM
from security_logging.watchers.prior_failures import log_failure

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
    from django.urls import ResolverMatch

WRONG_OLD_PASSWORD = "wrong_old_password"  # noqa: S105 (a reason, no password)
DISABLED = "disabled"  # an administrator has left the user without a password


def log_reset_request(request: HttpRequest, response: HttpResponseBase) -> None:
    """Log that a reset was requested; the answer is the same whether the user exists or not."""
    if _is_redirect(response):
        log_event(PASSWORD_RESET_REQUESTED, request, status=response.status_code, user=request.POST.get("email"))


def log_reset(request: HttpRequest, response: HttpResponseBase) -> None:
    """Log that a password was set through a link; the user's name would cost a query, the key is in the link."""
    match = request.resolver_match
    # With the true token in its path the view only redirects to the page where the password is typed.
    if match and _is_redirect(response) and match.kwargs.get("token") == _typing_page(match):
        key = _decoded(match.kwargs.get("uidb64"))
        log_event(PASSWORD_RESET_COMPLETED, request, status=response.status_code, user_id=key)


def log_change(request: HttpRequest, response: HttpResponseBase) -> None:
    """Log that users changed their own password, or that the form refused it."""
    user = acting_user(request)
    if user is None:
        return  # sent to the login page
    whom = {**actor(request), **target(user)}
    if _is_redirect(response):
        log_event(PASSWORD_CHANGED, request, **whom)
    elif codes := error_codes(form_in(response)):
        reason = WRONG_OLD_PASSWORD if "password_incorrect" in codes else REJECTED_BY_FORM
        log_refused_change(request, reason, **whom)


def log_refused_change(request: HttpRequest, reason: str, **whom: Any) -> None:
    """
    Log that a form refused to change a password.

    A wrong old password is a guess at a credential, and is counted like one at the login. A new password that is too
    weak, or typed in two ways, is no guess at anything. `whom` holds the fields of the user who acts and of the target.
    """
    if reason == WRONG_OLD_PASSWORD:
        log_failure(PASSWORD_CHANGE_FAILED, request, reason=reason, **whom)
    else:
        log_event(PASSWORD_REJECTED, request, reason=reason, **whom)


def log_change_for_user(request: HttpRequest, response: HttpResponseBase) -> None:
    """Log that an administrator changed a user's password in the admin, or that the form refused it."""
    whom = {**actor(request), "target_id": _key_in_path(request.resolver_match)}
    # Contradicting buttons lead back to the same page.
    if _is_redirect(response) and response.headers.get("Location") != request.get_full_path():
        is_off = request.POST.get("usable_password") == "false"
        log_event(PASSWORD_CHANGED, request, reason=DISABLED if is_off else None, **whom)
    elif error_codes(form_in(response)):
        original = form_in(response, "original")
        log_event(PASSWORD_REJECTED, request, reason=REJECTED_BY_FORM, **whom, target=name_of(original))


def _is_redirect(response: HttpResponseBase) -> bool:
    return 300 <= response.status_code < 400


def _typing_page(match: ResolverMatch) -> Any:
    return getattr(getattr(match.func, "view_class", None), "reset_url_token", None)


@guarded("user_id")
def _decoded(uidb64: object) -> str:
    return urlsafe_base64_decode(str(uidb64)).decode()


@guarded("target_id")
def _key_in_path(match: ResolverMatch | None) -> str | None:
    key = None if match is None else match.kwargs.get("id")
    return None if key is None else str(sys.modules["django.contrib.admin.utils"].unquote(key))
