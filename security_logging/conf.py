"""The settings: each declared once, and read from Django's settings when it is first needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from django.conf import settings
from django.core.signals import setting_changed

if TYPE_CHECKING:
    from django.http import HttpRequest

    Resolver = Callable[[HttpRequest], object]

__all__ = ["conf"]

PREFIX = "SECURITY_LOGGING_"

T = TypeVar("T")


class Setting(Generic[T]):
    """
    A setting `SECURITY_LOGGING_<attribute>`: its default, its type as a reader writes it, and what it means.

    Read through an instance of `Settings` it gives the project's value, or the default, and keeps it until Django
    says that the setting has changed, as `override_settings` does. The value is not checked here:
    `security_logging.checks` does that once at start.
    """

    name: str  # the full name, as in the project's settings
    attribute: str  # the name without the prefix

    def __init__(self, default: T, type_name: str, meaning: str) -> None:
        """Declare a setting; units belong into the meaning."""
        self.default = default
        self.type_name = type_name
        self.meaning = meaning

    def __set_name__(self, owner: type[object], name: str) -> None:
        """Learn the full name from the attribute, so that it stands in one place."""
        self.name, self.attribute = PREFIX + name, name

    @overload
    def __get__(self, instance: None, owner: type[object]) -> Setting[T]: ...
    @overload
    def __get__(self, instance: Settings, owner: type[object]) -> T: ...

    def __get__(self, instance: Settings | None, owner: type[object]) -> T | Setting[T]:
        """Return the project's value, or the default where the project says nothing."""
        if instance is None:
            return self
        value: T = getattr(settings, self.name, self.default)
        instance.__dict__[self.attribute] = value  # where Python looks before it calls us: a login asks eleven times
        return value


class Settings:
    """All settings of the package."""

    LOGGER_NAME = Setting[str](
        "security",
        "str",
        "Logger under which the events are logged, one child per class: security.auth, security.account, ...",
    )
    EVENTS = Setting[Mapping[str, bool]](
        {},
        "mapping of str to bool",
        'Events that are switched off: {"logout": False} one of them, {"account.*": False} a whole class; a name wins '
        'over its class, as in {"account.*": False, "user_created": True}.',
    )
    USER_NAMES = Setting[str](
        "plain",
        "plain, masked, hashed or omit",
        "How user names are written: as they are, as a first character and asterisks, as a keyed hash, or not at all.",
    )
    UNKNOWN_USER_NAMES = Setting[str | None](
        None,
        "plain, masked, hashed, omit or None",
        "How names are written that somebody typed and no user has, since people type passwords into that field; None: "
        "as the others. Without KNOWN_USERS nobody can tell, so it holds for each failed login.",
    )
    KNOWN_USERS = Setting[bool](
        False,
        "bool",
        "Whether to ask the database if the typed name exists, and to log known=1 or known=0: one query for each "
        "failed login, and a log that tells which accounts exist.",
    )
    HASH_KEY = Setting[str | bytes | None](
        None,
        "str, bytes or None",
        "Key of the hashes of user names; None: derived from SECRET_KEY, so that they change when that does.",
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
    CLIENT_IP_RESOLVER = Setting["str | Resolver | None"](
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

    # Requests (security_logging.middleware, request_id, bait_paths and flood).
    REQUEST_ID_HEADER = Setting[str](
        "X-Request-ID",
        "str",
        "Header in which a trusted proxy names the request; of any other peer it is ignored.",
    )
    REQUEST_ID_RESPONSE_HEADER = Setting[str | None](
        None,
        "str or None",
        "Header in which each answer names its request, for a support page or another log; None: no header. Read when "
        "the server starts, like MIDDLEWARE.",
    )
    BAIT_PATHS_ADD = Setting[Sequence[str]](
        (),
        "sequence of str",
        'Paths that only a scanner asks this site for, e.g. "/old-shop/admin.php", "/cgi-bin/" for all below, '
        '"*/dump.sql" in any folder.',
    )
    BAIT_PATHS_REMOVE = Setting[Sequence[str]](
        (),
        "sequence of str",
        "Entries of the shipped list of bait paths that honest visitors of this site ask for, e.g. since it was made "
        "with WordPress once.",
    )
    FLOOD_WINDOW = Setting[int](
        60,
        "int",
        "Seconds for which identical lines of the class probe are counted together; 0: each is written.",
    )
    FLOOD_LINES = Setting[int](
        10,
        "int",
        "Identical lines of one address that are written in a window; further ones become one line with count=.",
    )
    FLOOD_ADDRESS_LINES = Setting[int](
        200,
        "int",
        "Lines of one address and event type that are written in a window, if they differ in the path alone; further "
        "ones become one line with count=.",
    )
    PRIOR_FAILURES_WINDOW = Setting[int](
        0,
        "int",
        "Seconds for which each login_failed and mfa_failed is counted for its user and its address, so that a login "
        "says how many there were before it; 0: not counted. Processes share their counts through Django's default "
        "cache, in the background.",
    )

    # CloudWatch (security_logging.cloudwatch); read only where it is used.
    CLOUDWATCH_LOG_GROUP = Setting[str](
        "/{site}/{env}/security",
        "str",
        "CloudWatch log group, with {site} and {env} filled in.",
    )
    CLOUDWATCH_LOG_STREAM = Setting[str](
        "{host}/{function}",
        "str",
        "CloudWatch log stream, with {site}, {env}, {host} and {function}, the first part of the logger's name, filled "
        "in; a process id would open a new stream at every start.",
    )
    CLOUDWATCH_SITE = Setting[str | None](
        None, "str or None", "What {site} stands for; None: the package that holds ROOT_URLCONF."
    )
    CLOUDWATCH_ENVIRONMENT = Setting[str | None](
        None, "str or None", "What {env} stands for; None: development when DEBUG is on, else production."
    )
    CLOUDWATCH_REGION = Setting[str | None](
        None, "str or None", "AWS region; None: the setting AWS_REGION, else what boto3 finds."
    )
    CLOUDWATCH_ENDPOINT_URL = Setting[str | None](
        None, "URL or None", "Another CloudWatch, e.g. a moto server; None: what boto3 finds."
    )
    CLOUDWATCH_DIRECTORY = Setting[str | None](
        None,
        "path or None",
        "Directory for events that wait for CloudWatch, for those it refused and for the shipper's position; None: one "
        "below the system's directory for temporary files, which a reboot may empty.",
    )
    CLOUDWATCH_SPOOL_LIMIT = Setting[int](
        256 * 1024 * 1024, "int", "Bytes that all waiting events of that directory may take; more are dropped, counted."
    )
    CLOUDWATCH_QUEUE_LIMIT = Setting[int](
        10_000, "int", "Events that one process keeps in memory before it writes them to disk."
    )
    CLOUDWATCH_INTERVAL = Setting[float](
        1.0, "float", "Seconds between two deliveries of one process; what SIGKILL can cost the handler."
    )
    CLOUDWATCH_HEARTBEAT = Setting[float](
        60.0, "float", "Seconds between two heartbeats of a handler or shipper, which the alarm waits for; 0: none."
    )
    CLOUDWATCH_FILE = Setting[str](
        "/var/log/django/security.json", "path", "JSON log that `security_cloudwatch ship` reads."
    )


conf = Settings()


def _forget(*, setting: str, **kwargs: object) -> None:
    conf.__dict__.pop(setting.removeprefix(PREFIX), None)


setting_changed.connect(_forget, dispatch_uid="security_logging.conf")


def declared() -> dict[str, Setting[Any]]:
    """Return all settings by their full name, in the order of declaration."""
    return {value.name: value for value in vars(Settings).values() if isinstance(value, Setting)}
