"""SimpleJWT, which needs not be in INSTALLED_APPS: its views and errors are known by their classes alone."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext

from security_logging.request.views import is_of

_SERIALIZERS = "rest_framework_simplejwt.serializers"
_EXCEPTIONS = "rest_framework_simplejwt.exceptions"


def obtains_token(view_class: Any) -> bool:
    """Return whether the view gives a token for a user name and a password."""
    views = "rest_framework_simplejwt.views"
    if is_of(view_class, views, "TokenObtainPairView") or is_of(view_class, views, "TokenObtainSlidingView"):
        return True
    return is_of(getattr(view_class, "serializer_class", None), _SERIALIZERS, "TokenObtainSerializer")


def is_expired(error: Exception) -> bool:
    """
    Return whether the error is about a token that was right once, and no allowed kind of token fits better.

    An application that has let its token expire asks again, and with each of its requests under way at once.
    """
    if not is_of(type(error), _EXCEPTIONS, "InvalidToken"):
        return False
    if is_of(type(error.__cause__), _EXCEPTIONS, "ExpiredTokenError"):
        return True
    detail = getattr(error, "detail", {})
    messages = [message.get("message") for message in detail.get("messages", ())] if isinstance(detail, dict) else []
    return any(str(message) == gettext("Token is expired") for message in messages)
