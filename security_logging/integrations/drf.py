"""Django REST framework: refused tokens and passwords, permissions and throttles, and logins that obtain a token."""

from __future__ import annotations

from collections.abc import Mapping
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.utils.translation import gettext
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.settings import DEFAULTS, api_settings, perform_import

from security_logging.events.types import CSRF_FAILED, LOGIN, LOGIN_FAILED, PERMISSION_DENIED, RATE_LIMITED
from security_logging.integrations import simplejwt
from security_logging.internal.errors import guarded
from security_logging.logger import events_of, log_event, plain_request
from security_logging.request.user import actor_name
from security_logging.request.views import is_of, view_class_of
from security_logging.watchers.login_forms import (
    EMPTY,
    INACTIVE,
    REJECTED_BY_FORM,
    is_refused,
    log_refused_token,
    log_untried,
)
from security_logging.watchers.logins import typed_name
from security_logging.watchers.prior_failures import log_failure
from security_logging.watchers.refusals import NO_PERMISSION, TOO_MANY_REQUESTS
from security_logging.watchers.responses import add_reader

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

BAD_TOKEN = "bad_token"  # noqa: S105 (a reason, no token)
MALFORMED = "malformed"
TOKEN = "token"  # noqa: S105 (how the user logged in)
TOKEN_EXPIRED = "token_expired"  # noqa: S105 (a reason)

_HANDLER = "EXCEPTION_HANDLER"
_AUTHENTICATE = vars(Request)["_authenticate"].__code__  # the method that asks each authenticator


def connect() -> None:
    """
    See each exception before the project's EXCEPTION_HANDLER does, which stays what REST_FRAMEWORK says.

    A view with a `get_exception_handler` of its own is not seen; Django's records have its 401, 403 and 429.
    """
    getattr(api_settings, "_cached_attrs", set()).discard(_HANDLER)  # or a reload of the settings would take it away
    setattr(api_settings, _HANDLER, observe)
    add_reader(read_answer)


def observe(error: Exception, context: dict[str, Any]) -> object:
    """Log what the exception means, and return what the project's handler makes of it."""
    _log(error, context)
    defaults: Mapping[str, Any] = DEFAULTS
    handler: Any = perform_import(api_settings.user_settings.get(_HANDLER, defaults[_HANDLER]), _HANDLER)
    return handler(error, context)


def read_answer(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Log a login that ended in a token: DRF sends no signal. The password was right, so the name is that of a user."""
    if response.status_code not in (200, 204) or not is_login(view_class_of(request.resolver_match)):
        return False
    if any(event.type is LOGIN for event in events_of(request)):
        return True
    served = getattr(response, "renderer_context", {}).get("request")
    log_event(LOGIN, request, reason=TOKEN, status=response.status_code, user=_typed(served))
    return True


def obtains_token(view_class: Any) -> bool:
    """Return whether the view gives a token for a user name and a password."""
    is_own = is_of(view_class, "rest_framework.authtoken.views", "ObtainAuthToken")
    return is_own or simplejwt.obtains_token(view_class)


def is_login(view_class: Any) -> bool:
    """Return whether the view checks a user name and a password, to give a token or to start a session."""
    serializer = getattr(view_class, "serializer_class", None)
    return (
        obtains_token(view_class)
        or is_of(view_class, "dj_rest_auth.views", "LoginView")
        or is_of(serializer, "rest_framework.authtoken.serializers", "AuthTokenSerializer")
    )


@guarded("drf")
def _log(error: Exception, context: dict[str, Any]) -> None:
    request = plain_request(context["request"])
    if request is None or is_refused(request):
        return  # logged from the signal already: one attempt is one line
    status = getattr(error, "status_code", None)
    if isinstance(error, exceptions.AuthenticationFailed):
        if _is_of_login(error, context["view"]):  # the password was right, or there would have been a signal
            user = _typed(context["request"])
            log_failure(LOGIN_FAILED, request, reason=INACTIVE, status=status, user=user)
        else:
            _log_authentication(error, request, status)
    elif isinstance(error, exceptions.NotAuthenticated):
        _log_not_authenticated(request, status, getattr(context["request"], "oauth2_error", None))
    elif isinstance(error, exceptions.PermissionDenied | DjangoPermissionDenied):
        _log_permission(error, request, status)
    elif isinstance(error, exceptions.Throttled):
        log_event(RATE_LIMITED, request, reason=TOO_MANY_REQUESTS, status=status, user=actor_name(request))
    elif isinstance(error, exceptions.ValidationError) and _is_of_login(error, context["view"]):
        reason = EMPTY if "required" in _codes(error) or "blank" in _codes(error) else REJECTED_BY_FORM
        log_untried(request, reason, status, _typed(context["request"]))


def _is_of_login(error: Exception, view: Any) -> bool:
    """
    Return whether the view is a login, and its own `post` has raised the error.

    An authenticator may raise the same error before or below `post`, for a token in the address of an image. Only the
    traceback tells them apart.
    """
    if not is_login(type(view)):
        return False
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    is_of_post = any(frame.f_code.co_name == "post" and frame.f_locals.get("self") is view for frame in frames)
    return is_of_post and not any(frame.f_code is _AUTHENTICATE for frame in frames)


def _log_authentication(error: exceptions.AuthenticationFailed, request: HttpRequest, status: int | None) -> None:
    is_inactive = _is_about_an_inactive_user(error)
    if simplejwt.is_expired(error):
        log_event(PERMISSION_DENIED, request, reason=TOKEN_EXPIRED, status=status)
    elif _scheme(request) == "basic":
        log_failure(LOGIN_FAILED, request, reason=INACTIVE if is_inactive else MALFORMED, status=status)
    else:
        log_refused_token(request, INACTIVE if is_inactive else BAD_TOKEN, status)


def _log_not_authenticated(request: HttpRequest, status: int | None, oauth2_error: Mapping[str, str] | None) -> None:
    """Log a bearer token that django-oauth-toolkit refused; one without a token is logged from Django's record."""
    if oauth2_error and "expired" in oauth2_error.get("error_description", ""):
        log_event(PERMISSION_DENIED, request, reason=TOKEN_EXPIRED, status=status)
    elif oauth2_error:
        log_refused_token(request, BAD_TOKEN, status)


def _log_permission(error: Exception, request: HttpRequest, status: int | None) -> None:
    user = actor_name(request)
    if str(getattr(error, "detail", "")).startswith("CSRF Failed"):  # by SessionAuthentication, not translated
        log_event(CSRF_FAILED, request, status=status or 403, user=user)
    else:
        log_event(PERMISSION_DENIED, request, reason=NO_PERMISSION, status=status or 403, user=user)


def _is_about_an_inactive_user(error: exceptions.APIException) -> bool:
    if isinstance(error.detail, dict):
        return str(error.detail.get("code")) == "user_inactive"  # SimpleJWT
    return str(error.detail) == gettext("User inactive or deleted.")


@guarded("user")
def _typed(request: Any) -> str | None:
    """Return the user name in what was sent, attacker-controlled, as the view has parsed it."""
    return typed_name(request.data) if isinstance(request.data, Mapping) else None


def _scheme(request: HttpRequest) -> str:
    """Return the first word of the Authorization header; the rest is a secret."""
    return str(request.META.get("HTTP_AUTHORIZATION", "")).partition(" ")[0].lower()


def _codes(error: exceptions.APIException) -> set[str]:
    """Return all codes of the error, of whatever shape it is."""
    found: set[str] = set()
    waiting: list[Any] = [error.get_codes()]
    while waiting:
        codes = waiting.pop()
        if isinstance(codes, str):
            found.add(codes)
        else:
            waiting.extend(codes.values() if isinstance(codes, dict) else codes)
    return found
