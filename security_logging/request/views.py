"""Which view serves a request: its class, and whether it is one in which a credential is tried or changed."""

from __future__ import annotations

import sys
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.urls import ResolverMatch


class AccountView(Enum):
    """What a view is for."""

    LOGIN = "login"
    RESET_REQUEST = "reset_request"  # asking for a link that resets the password
    RESET = "reset"  # using it
    CHANGE = "change"  # of one's own password
    CHANGE_FOR_USER = "change_for_user"  # of another user's password, in the admin


# By the module that defines them.
_CLASSES = {
    "django.contrib.auth.views": {
        "LoginView": AccountView.LOGIN,
        "PasswordResetView": AccountView.RESET_REQUEST,
        "PasswordResetConfirmView": AccountView.RESET,
        "PasswordChangeView": AccountView.CHANGE,
    }
}
_ADMIN_NAMES = {"login": AccountView.LOGIN, "password_change": AccountView.CHANGE}


def view_class_of(match: ResolverMatch | None) -> Any | None:
    """Return the class of the view that was found, None when the view is a function."""
    function = None if match is None else match.func
    return getattr(function, "cls", None) or getattr(function, "view_class", None)


def is_of(view_class: Any, module: str, name: str) -> bool:
    """
    Return whether the class is the module's class of that name, or derived from it.

    Imports nothing: while the module is not imported, no view can be one of its classes.
    """
    base = getattr(sys.modules.get(module), name, None)
    return isinstance(base, type) and isinstance(view_class, type) and issubclass(view_class, base)


def add_account_views(module: str, classes: dict[str, AccountView]) -> None:
    """Add views of another package, which end an attempt in the same ways as Django's."""
    _CLASSES[module] = classes


def account_view_of(match: ResolverMatch | None) -> AccountView | None:
    """
    Return what the view is for, None when it is none of Django's account views or derived from one.

    Admin sites are known by the application namespace that each of them has, whatever its name and path are.
    """
    if match is None:
        return None
    if "admin" not in match.app_names:
        return _of_class(view_class_of(match))
    name = match.url_name or ""
    # UserAdmin names it after auth.User even where it serves another user model.
    return AccountView.CHANGE_FOR_USER if name.endswith("_password_change") else _ADMIN_NAMES.get(name)


def _of_class(view_class: Any) -> AccountView | None:
    found = (
        kind
        for module, classes in _CLASSES.items()
        for name, kind in classes.items()
        if is_of(view_class, module, name)
    )
    return next(found, None)
