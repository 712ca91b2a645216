"""Receivers of Django's authentication signals: login, logout and failed login."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed

from security_logging.events.types import LOGIN, LOGIN_FAILED, LOGOUT
from security_logging.internal.errors import attempt
from security_logging.logger import log_event, plain_request
from security_logging.request.current import current_request
from security_logging.request.user import key_of, name_of
from security_logging.watchers import prior_failures

if TYPE_CHECKING:
    from django.http import HttpRequest

BAD_CREDENTIALS = "bad_credentials"
LOCKED = "locked"
_LOCKED = "_security_logging_locked"
_NAME_KEYS = ("username", "email", "login", "user", "phone")  # asked in this order, after the model's own


def connect() -> None:
    """Connect the receivers; doing it twice connects them once."""
    user_logged_in.connect(on_user_logged_in, weak=False, dispatch_uid="security_logging.login")
    user_logged_out.connect(on_user_logged_out, weak=False, dispatch_uid="security_logging.logout")
    user_login_failed.connect(on_user_login_failed, weak=False, dispatch_uid="security_logging.login_failed")


def on_user_logged_in(sender: object, request: HttpRequest | None = None, user: Any = None, **kwargs: object) -> None:
    """Log that the user logged in."""
    name = partial(name_of, user)
    log_event(
        LOGIN,
        request,
        user=name,
        user_id=partial(key_of, user),
        backend=partial(getattr, user, "backend", None),
        prior_failures=partial(prior_failures.before_login, name, request),
    )


def on_user_logged_out(sender: object, request: HttpRequest | None = None, user: Any = None, **kwargs: object) -> None:
    """Log that the user logged out; somebody who was not logged in did not."""
    if attempt("user", _is_somebody, True, user):
        log_event(LOGOUT, request, user=partial(name_of, user), user_id=partial(key_of, user))


def on_user_login_failed(
    sender: object,
    credentials: Mapping[str, object] | None = None,
    request: HttpRequest | None = None,
    **kwargs: object,
) -> None:
    """Log that the credentials were refused; of them only the user name is ever read."""
    reason = LOCKED if attempt("locked", is_marked_locked, False, request) else BAD_CREDENTIALS
    prior_failures.log_failure(LOGIN_FAILED, request, reason=reason, user=partial(typed_name, credentials or {}))


def mark_locked(request: HttpRequest | None, *, is_locked: bool) -> None:
    """Note whether the application has locked out who tries to log in now: then no credential is checked."""
    served = plain_request(request) or current_request()
    if served is not None:
        served.__dict__[_LOCKED] = is_locked


def is_marked_locked(request: HttpRequest | None) -> bool:
    """Tell whether that was noted."""
    served = plain_request(request) or current_request()
    return served is not None and served.__dict__.get(_LOCKED, False)


def _is_somebody(user: Any) -> bool:
    return user is not None and bool(user.is_authenticated)


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
