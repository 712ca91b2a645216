"""Receivers of Django's authentication signals: login, logout and failed login."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed

from security_logging.events.types import (
    CROSSSITE_REQUEST,
    LOGIN,
    LOGIN_BLOCKED,
    LOGIN_FAILED,
    LOGOUT,
    PERMISSION_DENIED,
)
from security_logging.internal.errors import guarded
from security_logging.logger import log_event, plain_request
from security_logging.request.cross_site import has_passed_csrf, is_cross_site
from security_logging.request.current import current_request
from security_logging.request.user import key_of, name_of
from security_logging.watchers.prior_failures import before_login, log_failure

if TYPE_CHECKING:
    from django.http import HttpRequest

BAD_CREDENTIALS = "bad_credentials"
LOCKED = "locked"
UNKNOWN_REMOTE_USER = "unknown_remote_user"  # the proxy vouches for the visitor, who has no account here
_LOCKED = "_security_logging_locked"
_REMOTE_USER = "remote_user"  # the credential of django.contrib.auth.backends.RemoteUserBackend
_NAME_KEYS = ("username", "email", "login", "user", "phone")  # asked in this order, after the model's own


def connect() -> None:
    """Connect the receivers; doing it twice connects them once."""
    user_logged_in.connect(on_user_logged_in, weak=False, dispatch_uid="security_logging.login")
    user_logged_out.connect(on_user_logged_out, weak=False, dispatch_uid="security_logging.logout")
    user_login_failed.connect(on_user_login_failed, weak=False, dispatch_uid="security_logging.login_failed")


@guarded("login")
def on_user_logged_in(sender: object, request: HttpRequest | None = None, user: Any = None, **kwargs: object) -> None:
    """Log that the user logged in."""
    name = name_of(user)
    log_event(
        LOGIN,
        request,
        user=name,
        user_id=key_of(user),
        backend=_backend_of(user),
        prior_failures=before_login(name, request),
    )


@guarded("logout")
def on_user_logged_out(sender: object, request: HttpRequest | None = None, user: Any = None, **kwargs: object) -> None:
    """Log that the user logged out; Django sends the signal for an anonymous visitor too."""
    if not _is_anonymous(user):
        log_event(LOGOUT, request, user=name_of(user), user_id=key_of(user))


@guarded("login_failed")
def on_user_login_failed(
    sender: object,
    credentials: Mapping[str, object] | None = None,
    request: HttpRequest | None = None,
    **kwargs: object,
) -> None:
    """
    Log that the credentials were refused; of them only the user name is ever read.

    A name in `remote_user` is one that a proxy vouches for with each request of a visitor (RemoteUserMiddleware): who
    has single sign-on but no account here has tried no credential.
    """
    name = typed_name(credentials or {})
    vouched_for = credentials.get(_REMOTE_USER) if isinstance(credentials, Mapping) else None
    if vouched_for is not None:
        log_event(PERMISSION_DENIED, request, reason=UNKNOWN_REMOTE_USER, user=str(vouched_for))
    elif is_marked_locked(request):
        log_blocked(request, LOCKED, name)
    else:
        log_failure(LOGIN_FAILED, request, reason=BAD_CREDENTIALS, user=name)


def log_blocked(request: HttpRequest | None, reason: str, user: str | None, status: int | None = None) -> None:
    """
    Log an attempt that a lock-out or a limit of the application refused without a look at the credential.

    It says nothing about its sender, who may be the user whom an attacker has locked out, so only a jail of its own
    counts it. `user` is what was typed, attacker-controlled.
    """
    served = plain_request(request) or current_request()
    if served is not None and is_cross_site(served) and not has_passed_csrf(served):
        log_event(CROSSSITE_REQUEST, served, reason=reason, status=status)
    else:
        log_event(LOGIN_BLOCKED, request, reason=reason, status=status, user=user)


@guarded("locked")
def mark_locked(request: HttpRequest | None, *, is_locked: bool) -> None:
    """Keep on the request whether a lock-out has refused this login: then no credential was checked."""
    served = plain_request(request) or current_request()
    if served is not None:
        served.__dict__[_LOCKED] = is_locked


@guarded("locked")
def is_marked_locked(request: HttpRequest | None) -> bool:
    """Return whether `mark_locked` has said so."""
    served = plain_request(request) or current_request()
    return served is not None and served.__dict__.get(_LOCKED, False)


@guarded("user")
def _is_anonymous(user: Any) -> bool:
    return user is None or not user.is_authenticated


@guarded("backend")
def _backend_of(user: Any) -> str | None:
    """Return the dotted path of the authentication backend that accepted the credentials."""
    return getattr(user, "backend", None)


@guarded("user")
def typed_name(credentials: Mapping[str, object]) -> str | None:
    """
    Return the user name among the credentials, attacker-controlled; None when there is none, as with a bare token.

    Only keys that hold a name are read: Django masks a password by the key's name, and would not know
    `passphrase` or `pin`.
    """
    for key in _name_keys(settings.AUTH_USER_MODEL):
        if credentials.get(key) is not None:
            return str(credentials[key])
    return None


@lru_cache(maxsize=8)  # looking the model up takes longer than all the rest
def _name_keys(user_model: str) -> tuple[str, ...]:
    return (get_user_model().USERNAME_FIELD, *_NAME_KEYS)
