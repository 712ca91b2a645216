"""Functions that a project might name in SECURITY_LOGGING_CLIENT_IP_RESOLVER, good and bad ones."""

from __future__ import annotations

from ipaddress import IPv6Address

from django.http import HttpRequest


def from_platform_header(request: HttpRequest) -> str | None:
    """Return what an odd platform writes, as text."""
    return request.META.get("HTTP_X_PLATFORM_CLIENT")


def as_object(request: HttpRequest) -> IPv6Address:
    """Return an address object instead of a text."""
    return IPv6Address(request.META["HTTP_X_PLATFORM_CLIENT"])


def raising(request: HttpRequest) -> str:
    """Raise, with the request's text in the exception."""
    raise LookupError(request.META["HTTP_X_PLATFORM_CLIENT"])


async def in_a_coroutine(request: HttpRequest) -> str:
    """Return a coroutine, which nobody awaits."""
    return str(request.META["REMOTE_ADDR"])


NOT_A_FUNCTION = "203.0.113.7"
