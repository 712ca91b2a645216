"""Users in an event: who sent the request, and how a user is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.functional import LazyObject, empty

from security_logging.internal.errors import guarded
from security_logging.request.current import current_request

if TYPE_CHECKING:
    from django.http import HttpRequest


@guarded("actor")
def acting_user(request: HttpRequest | None = None) -> Any | None:
    """
    Return the user of the request, or of the one that is being served, if the user is already loaded.

    None outside of a request, for an anonymous one, and while `request.user` is still lazy: loading it would cost a
    query. None too for an object without `is_authenticated`, such as the claims of a token.
    """
    request = request or current_request()
    user = None if request is None else vars(request).get("user")
    if isinstance(user, LazyObject) and getattr(user, "_wrapped", empty) is empty:
        user = vars(request).get("_acached_user")  # where `await request.auser()` leaves it
    return user if getattr(user, "is_authenticated", False) else None


def actor(request: HttpRequest | None = None) -> dict[str, Any]:
    """Return the fields of an event that say who did it; {} when the user is not known."""
    user = acting_user(request)
    return {} if user is None else {"user": name_of(user), "user_id": key_of(user)}


def target(user: Any) -> dict[str, Any]:
    """Return the fields of an event that say to which user it was done."""
    return {"target": name_of(user), "target_id": key_of(user)}


def actor_name(request: HttpRequest | None = None) -> str | None:
    """Return the name of who did it, for an event without the key; None when the user is not known."""
    return name_of(acting_user(request))


@guarded("user")
def name_of(user: Any) -> str | None:
    """Return the name under which the user logs in, None for no user."""
    return None if user is None else str(user.get_username())


@guarded("user_id")
def key_of(user: Any) -> str | None:
    """Return the user's primary key as text, None for no user and for one that is not stored."""
    return None if user is None or user.pk is None else str(user.pk)
