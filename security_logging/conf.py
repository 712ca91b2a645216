"""The settings: each declared once, read from Django's settings at every access."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest

PREFIX = "SECURITY_LOGGING_"

T = TypeVar("T")


class Setting(Generic[T]):
    """
    A setting `SECURITY_LOGGING_<attribute>`: its default, its type as a reader writes it, and what it means.

    Read through an instance of `Settings` it gives the project's value, or the default; nothing is kept, so that
    `override_settings` works. The value is not checked here: `security_logging.checks` does that once at start.
    """

    name: str  # the full name, as in the project's settings

    def __init__(self, default: T, type_name: str, meaning: str) -> None:
        """Declare a setting; units belong into the meaning."""
        self.default = default
        self.type_name = type_name
        self.meaning = meaning

    def __set_name__(self, owner: type[object], name: str) -> None:
        """Learn the full name from the attribute, so that it stands in one place."""
        self.name = PREFIX + name

    @overload
    def __get__(self, instance: None, owner: type[object]) -> Setting[T]: ...
    @overload
    def __get__(self, instance: Settings, owner: type[object]) -> T: ...

    def __get__(self, instance: Settings | None, owner: type[object]) -> T | Setting[T]:
        """Return the project's value, or the default where the project says nothing."""
        if instance is None:
            return self
        value: T = getattr(settings, self.name, self.default)
        return value


class Settings:
    """All settings of the package."""

    LOGGER_NAME = Setting[str](
        "security",
        "str",
        "Logger under which the events are logged, one child per class: security.auth, security.account, ...",
    )
    TRUSTED_PROXIES = Setting[Sequence[str]](
        (),
        "sequence of str",
        'Reverse proxies that you run: CIDR ranges, single addresses, "unix:" for a unix socket, or the name of a '
        "preset (nginx, traefik, alb, cloudfront, cloudflare, heroku, fly). Forwarding headers of any other peer are "
        "ignored.",
    )
    CLIENT_IP_HEADER = Setting[str | None](
        None,
        "str or None",
        "The one header in which a trusted proxy names its client; None: the preset's, else X-Forwarded-For.",
    )
    CLIENT_IP_RESOLVER = Setting["str | Callable[[HttpRequest], object] | None"](
        None,
        "dotted path, callable or None",
        "Function of the request that returns the client's address on a platform that no proxy list describes; its "
        "result passes the same guards.",
    )
    BANNABLE_NETWORKS = Setting[Sequence[str]](
        (),
        "sequence of str",
        "Private, unique-local or carrier-grade NAT ranges whose addresses may be banned, for an intranet site.",
    )
    PROXY_RANGES_FILE = Setting[str | None](
        None,
        "path or None",
        'JSON file, e.g. {"cloudflare": ["198.51.100.0/24"]}, whose ranges replace those that a preset ships; read '
        "once in each process.",
    )
    SURFACE_NAMESPACES = Setting[Mapping[str, str]](
        {},
        "mapping of str to str",
        'URL namespace to surface (site, admin or api) where it cannot be seen from the view, e.g. {"api-1.0.0": '
        '"api"} for django-ninja.',
    )


conf = Settings()


def declared() -> dict[str, Setting[Any]]:
    """Return all settings by their full name, in the order of declaration."""
    return {value.name: value for value in vars(Settings).values() if isinstance(value, Setting)}
