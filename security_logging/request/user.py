"""Who acts: the user that the request being served is known to be from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from django.utils.functional import LazyObject, empty

from security_logging.internal.errors import attempt
from security_logging.request.current import current_request

if TYPE_CHECKING:
    from django.http import HttpRequest


def acting_user(request: HttpRequest | None = None) -> Any | None:
    """
    Return the user of the request, or of the one that is being served, as far as somebody has already looked at it.

    None outside of a request, for an anonymous one, and while `request.user` is still the promise that Django puts
    there: keeping it would cost a query, and a login must not wait for its log. Nor does what a project has put there
    in place of a user raise; without `is_authenticated`, as the claims of a token are, it is nobody.
    """
    return attempt("actor", _known_user, None, request)


def _known_user(request: HttpRequest | None) -> Any | None:
    request = request or current_request()
    user = None if request is None else vars(request).get("user")
    if isinstance(user, LazyObject) and getattr(user, "_wrapped", empty) is empty:
        user = vars(request).get("_acached_user")  # where `await request.auser()` leaves it
    return user if getattr(user, "is_authenticated", False) else None


def actor(request: HttpRequest | None = None) -> dict[str, Any]:
    """Return the fields of an event that say who did it; none when nobody is known."""
    user = acting_user(request)
    return {} if user is None else {"user": partial(name_of, user), "user_id": partial(key_of, user)}


def actor_name(request: HttpRequest | None = None) -> Callable[[], str] | None:
    """Return what gives the name of who did it, for an event without the key; None when nobody is known."""
    user = acting_user(request)
    return None if user is None else partial(name_of, user)


def name_of(user: Any) -> str:
    """Return the name under which the user logs in."""
    return str(user.get_username())


def key_of(user: Any) -> str | None:
    """Return the user's primary key as text, None for a user that is not stored."""
    return None if user.pk is None else str(user.pk)
