"""What only a response shows, without a signal: the middleware calls this after each response that may."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.shortcuts import resolve_url
from django.urls import Resolver404, get_script_prefix, resolve

from security_logging.events.types import PERMISSION_DENIED
from security_logging.logger import log_event
from security_logging.request.cross_site import SAFE_METHODS
from security_logging.request.user import acting_user, actor_name
from security_logging.request.views import AccountView, account_view_of
from security_logging.watchers.login_forms import NOT_STAFF, log_login_attempt
from security_logging.watchers.passwords import log_change, log_change_for_user, log_reset, log_reset_request
from security_logging.watchers.refusals import NO_PERMISSION

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
    from django.urls import ResolverMatch

    Reader = Callable[[HttpRequest, HttpResponseBase], bool]

_OUTCOMES: dict[AccountView, Callable[[HttpRequest, HttpResponseBase], None]] = {
    AccountView.LOGIN: log_login_attempt,
    AccountView.RESET_REQUEST: log_reset_request,
    AccountView.RESET: log_reset,
    AccountView.CHANGE: log_change,
    AccountView.CHANGE_FOR_USER: log_change_for_user,
}
_readers: list[Reader] = []


def add_reader(reader: Reader) -> None:
    """
    Have the function read each response to a request with an unsafe method; adding it twice adds it once.

    It returns True when the response is one of its package's, and has then logged whatever there was to log.
    """
    if reader not in _readers:
        _readers.append(reader)


def may_be_unsignalled(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Return whether the response may show an attempt; an ordinary page does not, and costs nothing more."""
    return response.status_code == 302 or request.method not in SAFE_METHODS


def log_unsignalled(request: HttpRequest, response: HttpResponseBase) -> None:
    """Log what no signal and no record of Django has said about the request."""
    if response.status_code == 302 and acting_user(request) is not None:
        login_page = _login_page(request, response)
        if login_page is not None:
            _log_bounced(request, login_page)
            return
    if request.method not in SAFE_METHODS and not any(reader(request, response) for reader in _readers):
        view = account_view_of(request.resolver_match)
        if view is not None:
            _OUTCOMES[view](request, response)


def _login_page(request: HttpRequest, response: HttpResponseBase) -> ResolverMatch | None:
    """Return our login page if the response redirects there with the way back in the query, else None."""
    target = urlsplit(response.headers.get("Location", ""))
    if REDIRECT_FIELD_NAME not in parse_qs(target.query) or (target.netloc and target.netloc != request.get_host()):
        return None
    try:
        match = resolve("/" + target.path.removeprefix(get_script_prefix()))
    except Resolver404:
        return None
    is_login = account_view_of(match) is AccountView.LOGIN
    return match if is_login or target.path == urlsplit(resolve_url(settings.LOGIN_URL)).path else None


def _log_bounced(request: HttpRequest, login_page: ResolverMatch) -> None:
    """Log that a logged-in user lacks a permission, and was sent to the login page."""
    is_staff = getattr(acting_user(request), "is_staff", False)
    reason = NOT_STAFF if "admin" in login_page.app_names and not is_staff else NO_PERMISSION
    log_event(PERMISSION_DENIED, request, reason=reason, status=302, user=actor_name(request))
