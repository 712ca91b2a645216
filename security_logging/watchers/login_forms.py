"""Attempts to log in without a signal: those that the form or the CSRF protection of Django ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import SuspiciousOperation
from django.http import UnreadablePostError

from security_logging.events.event import SecurityEvent
from security_logging.events.types import (
    CROSSSITE_REQUEST,
    CSRF_FAILED,
    LOGIN,
    LOGIN_BLOCKED,
    LOGIN_FAILED,
    LOGIN_LOCKED,
    MFA_FAILED,
    PERMISSION_DENIED,
    RATE_LIMITED,
    SUSPICIOUS_REQUEST,
    TOKEN_FAILED,
    EventType,
)
from security_logging.internal.errors import guarded
from security_logging.logger import events_of, log_event
from security_logging.request.cross_site import brings_a_credential, is_sent_for_a_page, may_be_of_another_site
from security_logging.request.user import name_of
from security_logging.watchers.form_errors import error_codes, form_in
from security_logging.watchers.logins import typed_name
from security_logging.watchers.prior_failures import log_failure

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
    from django.urls import ResolverMatch

EMPTY = "empty"  # no user name or no password
REJECTED_BY_FORM = "rejected_by_form"  # not well formed, e.g. a NUL in the user name
NOT_STAFF = "not_staff"  # the right password of a user who may not use the admin
INACTIVE = "inactive"  # the right password of a disabled user
NOT_ALLOWED = "not_allowed"  # the right password, but a rule of the project's form
CSRF = "csrf"  # refused because the CSRF token is missing or wrong; a tool that sends none never gets further

_REFUSALS = (
    LOGIN_FAILED, LOGIN_BLOCKED, LOGIN_LOCKED, MFA_FAILED, TOKEN_FAILED, PERMISSION_DENIED, CSRF_FAILED,
    RATE_LIMITED, CROSSSITE_REQUEST,
)  # fmt: skip
_ANSWERED_ELSEWHERE = (401, 403, 404, 405, 429)  # Django logs these itself: security_logging.watchers.refusals
_MAX_BODY = 10_000  # bytes of a form that are read only to learn the user name


def is_refused(request: HttpRequest) -> bool:
    """Return whether a line already says that the request was refused: one attempt is one line."""
    return any(event.type in _REFUSALS or _has_ended_it(event) for event in events_of(request))


def _has_ended_it(event: SecurityEvent) -> bool:
    """Return whether Django refused the request as suspicious; of a broken session it only writes, and goes on."""
    return event.type is SUSPICIOUS_REQUEST and "status" in event.fields


def log_login_attempt(request: HttpRequest, response: HttpResponseBase, typed: str | None = None) -> None:
    """
    Log what became of a POST to a login view, unless a line of the request already says so.

    A form that is shown again, although no credentials were refused, has ended the attempt itself. `typed` is the user
    name, attacker-controlled, of a form that does not call the field `username`.
    """
    status = response.status_code
    if 300 <= status < 400 or status >= 500 or status in _ANSWERED_ELSEWHERE:
        return
    if is_refused(request) or any(event.type is LOGIN for event in events_of(request)):
        return
    form = form_in(response)
    user = getattr(form, "user_cache", None)
    if user is None:
        log_untried(request, _why_untried(form), status, typed)
    else:
        # AuthenticationForm keeps the user of the right credentials, and then asks whether that user may log in.
        reason = _why_refused(user, request.resolver_match)
        log_failure(LOGIN_FAILED, request, reason=reason, status=status, user=name_of(user))


def log_untried(
    request: HttpRequest, reason: str, status: int | None, user: str | None = None, event_type: EventType = LOGIN_FAILED
) -> None:
    """
    Log an attempt that ended before any credential was checked.

    A hostile page can post a form to our login page from each of its visitors' browsers. So a request that the browser
    marks as another site's is not counted, unless its CSRF token proves otherwise, and none is on a site that serves
    any host name (docs/drive-by-bans.md). `user` is what was typed, attacker-controlled; None takes it from the posted
    form.
    """
    if may_be_of_another_site(request):
        log_event(CROSSSITE_REQUEST, request, reason=reason, status=status)
    else:
        log_failure(event_type, request, reason=reason, status=status, user=user or _typed_user(request))


def log_refused_token(request: HttpRequest, reason: str, status: int | None) -> None:
    """
    Log a token that was refused; it is not counted if another site's page may have had a browser send it.

    A client that forges the mark guesses uncounted, but in the log, and tokens are too long to guess.
    """
    is_made_to = is_sent_for_a_page(request) and not brings_a_credential(request)
    log_event(CROSSSITE_REQUEST if is_made_to else TOKEN_FAILED, request, reason=reason, status=status)


def _why_untried(form: Any) -> str:
    return EMPTY if "required" in error_codes(form) else REJECTED_BY_FORM


def _why_refused(user: Any, match: ResolverMatch | None) -> str:
    if not getattr(user, "is_active", True):
        return INACTIVE
    is_admin = match is not None and "admin" in match.app_names
    return NOT_STAFF if is_admin and not getattr(user, "is_staff", True) else NOT_ALLOWED


@guarded("user")
def _typed_user(request: HttpRequest) -> str | None:
    """Return the user name in the posted form, attacker-controlled; None when reading it would be work."""
    if "_post" not in vars(request) and not _is_small_form(request):
        return None
    try:
        return typed_name(request.POST)
    except (SuspiciousOperation, UnreadablePostError):  # too many fields, or a broken connection
        return None


def _is_small_form(request: HttpRequest) -> bool:
    length = request.META.get("CONTENT_LENGTH") or ""
    is_small = length.isascii() and length.isdigit() and int(length[:9]) <= _MAX_BODY
    return is_small and request.content_type == "application/x-www-form-urlencoded"
