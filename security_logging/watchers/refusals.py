"""What Django refuses and says so to its own loggers, as events of the vocabulary."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest

from security_logging.events.types import (
    CROSSSITE_REQUEST,
    CSRF_FAILED,
    DISALLOWED_HOST,
    PERMISSION_DENIED,
    PROBE,
    RATE_LIMITED,
    SUSPICIOUS_REQUEST,
)
from security_logging.internal.errors import guarded
from security_logging.logger import log_event
from security_logging.request.cross_site import is_sent_for_a_page, serves_any_host
from security_logging.request.user import actor_name
from security_logging.request.views import AccountView, account_view_of, is_of, view_class_of
from security_logging.watchers.bait_paths import is_bait
from security_logging.watchers.login_forms import CSRF, is_refused, log_untried

if TYPE_CHECKING:
    from types import TracebackType

    Raised = tuple[type[BaseException], BaseException, TracebackType | None]

REQUEST_LOGGER, SECURITY_LOGGER = "django.request", "django.security"

BAIT = "bait"
NO_PERMISSION = "no_permission"  # the view raised PermissionDenied
FORBIDDEN = "forbidden"  # the view answered 403
CREDENTIALS_MISSING, CREDENTIALS_REFUSED = "credentials_missing", "credentials_refused"
TOO_MANY_REQUESTS = "too_many_requests"

# Django's own words for why it refused a request, cut down to one of ours.
_CSRF_REASONS = {"Origin": "origin", "Referer": "referer", "CSRF cookie": "cookie", "CSRF token": "token"}


_questions: set[tuple[str, str]] = set()


def add_question(module: str, name: str) -> None:
    """Add a class of views whose 401 asks for the next step of a login and is no refusal; their 410 is one."""
    _questions.add((module, name))


@guarded("django_records")
def log_record(record: logging.LogRecord) -> None:
    """Log the event that a record of `django.request` or below `django.security` stands for, if any."""
    given = getattr(record, "request", None)
    request = given if isinstance(given, HttpRequest) else None
    status = getattr(record, "status_code", None)
    kind = record.name.removeprefix(f"{SECURITY_LOGGER}.")
    if record.name == REQUEST_LOGGER:
        if request is not None and not is_refused(request):
            _log_status(request, status, record.exc_info)
    elif kind == "csrf":
        _log_csrf(request, status, str(record.args[0]) if isinstance(record.args, tuple) and record.args else "")
    elif kind == "DisallowedHost":
        log_event(DISALLOWED_HOST, request, status=status, detail=None if request is None else _host(request))
    else:
        log_event(SUSPICIOUS_REQUEST, request, reason=kind, status=status, user=actor_name(request))


def _log_status(request: HttpRequest, status: int | None, raised: object) -> None:
    if status == 404:
        _log_missing(request)
    elif status == 403:
        exception = raised[1] if isinstance(raised, tuple) else None
        if type(exception).__module__.startswith("django_ratelimit"):
            log_event(RATE_LIMITED, request, reason=TOO_MANY_REQUESTS, status=status, user=actor_name(request))
        else:
            reason = FORBIDDEN if exception is None else NO_PERMISSION
            log_event(PERMISSION_DENIED, request, reason=reason, status=status, user=actor_name(request))
    elif status == 410 and _is_question(request):
        # The session that its token names is over, or never existed. That cannot be known, so it is not counted.
        log_event(PERMISSION_DENIED, request, reason=CREDENTIALS_REFUSED, status=status)
    elif status == 401 and not _is_question(request):
        # Not counted, not even with credentials: a single-page application whose token has expired asks on.
        reason = CREDENTIALS_REFUSED if "HTTP_AUTHORIZATION" in request.META else CREDENTIALS_MISSING
        log_event(PERMISSION_DENIED, request, reason=reason, status=status, user=actor_name(request))
    elif status == 429:
        log_event(RATE_LIMITED, request, reason=TOO_MANY_REQUESTS, status=status, user=actor_name(request))


def _is_question(request: HttpRequest) -> bool:
    view_class = view_class_of(request.resolver_match)
    return any(is_of(view_class, module, name) for module, name in _questions)


def _log_missing(request: HttpRequest) -> None:
    """Log a request for a bait path; other pages that do not exist are no security event."""
    if is_bait(request.path_info):
        is_of_a_page = serves_any_host() or is_sent_for_a_page(request)
        event_type = CROSSSITE_REQUEST if is_of_a_page else PROBE
        log_event(event_type, request, reason=BAIT, status=404)


def _log_csrf(request: HttpRequest | None, status: int | None, why: str) -> None:
    """Log a missing CSRF token: at a login view it is an attempt to log in, the only one that many tools make."""
    match = None if request is None else request.resolver_match
    if request is not None and request.method == "POST" and account_view_of(match) is AccountView.LOGIN:
        log_untried(request, CSRF, status)
        return
    reason = next((word for start, word in _CSRF_REASONS.items() if why.startswith(start)), None)
    log_event(CSRF_FAILED, request, reason=reason, status=status, user=actor_name(request))


@guarded("detail")
def _host(request: HttpRequest) -> str | None:
    """Return the host that the client named, attacker-controlled."""
    name = "HTTP_X_FORWARDED_HOST" if settings.USE_X_FORWARDED_HOST else "HTTP_HOST"
    return request.META.get(name) or request.META.get("HTTP_HOST")
