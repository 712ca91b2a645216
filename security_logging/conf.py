"""The settings SECURITY_LOGGING_*: each is declared here, and read from Django's settings at its first use."""

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

    Read through an instance of `Settings` it returns the project's value, or the default, and keeps it until Django
    sends `setting_changed`, as `override_settings` does. It does not check the value; the system checks do.
    """

    name: str  # the full name, as in the project's settings
    attribute: str  # the name without the prefix

    def __init__(self, default: T, type_name: str, meaning: str) -> None:
        """Declare a setting; `meaning` includes the unit."""
        self.default = default
        self.type_name = type_name
        self.meaning = meaning

    def __set_name__(self, owner: type[object], name: str) -> None:
        """Take the name of the setting from the name of the attribute."""
        self.name, self.attribute = PREFIX + name, name

    @overload
    def __get__(self, instance: None, owner: type[object]) -> Setting[T]: ...
    @overload
    def __get__(self, instance: Settings, owner: type[object]) -> T: ...

    def __get__(self, instance: Settings | None, owner: type[object]) -> T | Setting[T]:
        """Return the project's value, or the default."""
        if instance is None:
            return self
        value: T = getattr(settings, self.name, self.default)
        instance.__dict__[self.attribute] = value  # Python looks there first: a login reads eleven settings
        return value


class Settings:
    """All settings of the package."""

    LOGGER_NAME = Setting[str](
        "security",
        "str",
        "Logger of the events, with a child for each class: security.auth, security.account, ...",
    )
    EVENTS = Setting[Mapping[str, bool]](
        {},
        "mapping of str to bool",
        'Events to switch off: {"logout": False} for one event, {"account.*": False} for a class. The name of an event '
        'takes precedence over its class: {"account.*": False, "user_created": True}.',
    )
    USER_NAMES = Setting[str](
        "plain",
        "plain, masked, hashed or omit",
        "How user names are written: unchanged, as first character and asterisks, as a keyed hash, or not at all.",
    )
    UNKNOWN_USER_NAMES = Setting[str | None](
        None,
        "plain, masked, hashed, omit or None",
        "How names are written that no user has, because people type passwords into that field; None: like other "
        "names. Without KNOWN_USERS it applies to each failed login.",
    )
    KNOWN_USERS = Setting[bool](
        False,
        "bool",
        "Whether to look up the typed name in the database, and log known=1 or known=0. This costs one query for each "
        "failed login, and the log then shows which accounts exist.",
    )
    HASH_KEY = Setting[str | bytes | None](
        None,
        "str, bytes or None",
        "Key for the hashes of user names; None: derived from SECRET_KEY, so the hashes change when it changes.",
    )
    TRUSTED_PROXIES = Setting[Sequence[str]](
        (),
        "sequence of str",
        'Reverse proxies that you run: CIDR ranges, single addresses, "unix:" for a unix socket, or the name of a '
        "preset (docs/proxies.md lists them). Forwarding headers of any other peer are ignored.",
    )
    SHARED_PROXIES = Setting[Sequence[str]](
        (),
        "sequence of str",
        "Networks among TRUSTED_PROXIES from which strangers can send requests too: CIDR ranges of a CDN or a hosting "
        "platform that has no preset. The published ranges of every preset belong to them without being listed.",
    )
    ORIGIN_SECRET = Setting["tuple[str, str] | None"](
        None,
        "(header, value) or None",
        'Header with a secret value that your own CDN or load balancer adds to each request, e.g. ("X-Origin-Secret", '
        'os.environ["ORIGIN_SECRET"]). No forwarding header is believed of a request without it. None: not asked for.',
    )
    CLIENT_IP_HEADER = Setting[str | None](
        None,
        "str or None",
        "The header in which trusted proxies send the client's address; None: that of the preset, or X-Forwarded-For.",
    )
    CLIENT_IP_RESOLVER = Setting["str | Resolver | None"](
        None,
        "dotted path, callable or None",
        "Function that takes the request and returns the client's address, for platforms that no list of proxies can "
        "describe. The result is checked like any other address.",
    )
    BANNABLE_NETWORKS = Setting[Sequence[str]](
        (),
        "sequence of str",
        "Private, unique-local or carrier-grade NAT networks whose addresses may be banned, for an intranet site.",
    )
    PROXY_RANGES_FILE = Setting[str | None](
        None,
        "path or None",
        'JSON file, e.g. {"cloudflare": ["198.51.100.0/24"]}, whose ranges replace those of a preset. Each process '
        "reads it once.",
    )
    CREDENTIAL_HEADERS = Setting[Sequence[str]](
        ("Authorization",),
        "sequence of str",
        'Headers in which clients of this site send a credential, e.g. ("Authorization", "X-API-Key"): a refused token '
        "in one of them is counted whoever sent it. List none that a proxy or a CDN adds to the requests of visitors.",
    )
    SURFACE_NAMESPACES = Setting[Mapping[str, str]](
        {},
        "mapping of str to str",
        'Surface (site, admin or api) of a URL namespace, if the view does not show it, e.g. {"api-1.0.0": '
        '"api"} for django-ninja.',
    )

    # Requests.
    REQUEST_ID_HEADER = Setting[str](
        "X-Request-ID",
        "str",
        "Header with the identifier of the request; it is read only from trusted proxies.",
    )
    REQUEST_ID_RESPONSE_HEADER = Setting[str | None](
        None,
        "str or None",
        "Response header for the identifier of the request, for a support page or another log; None: no header. It is "
        "read when the server starts, like MIDDLEWARE.",
    )
    BAIT_PATHS_ADD = Setting[Sequence[str]](
        (),
        "sequence of str",
        'Further paths that only a scanner requests, e.g. "/old-shop/admin.php", "/cgi-bin/" for everything below it, '
        '"*/dump.sql" for any folder.',
    )
    BAIT_PATHS_REMOVE = Setting[Sequence[str]](
        (),
        "sequence of str",
        "Entries of the shipped list of bait paths that honest visitors of this site request, e.g. because it once ran "
        "WordPress.",
    )
    FLOOD_WINDOW = Setting[int](
        60,
        "int",
        "Seconds for which identical lines of the class probe are counted together; 0: each line is written.",
    )
    FLOOD_LINES = Setting[int](
        10,
        "int",
        "Identical lines of one address that are written in a window; the others become one line with count=.",
    )
    FLOOD_ADDRESS_LINES = Setting[int](
        200,
        "int",
        "Lines of one address and event type that are written in a window, if only their paths differ; the others "
        "become one line with count=.",
    )
    PRIOR_FAILURES_WINDOW = Setting[int](
        0,
        "int",
        "Seconds for which each login_failed, mfa_failed and password_change_failed is counted by user and by address, "
        "so that a login has the number of failures before it; 0: not counted. Processes share their counts through "
        "Django's default cache.",
    )

    HEARTBEAT = Setting[int](
        0,
        "int",
        "Seconds between two lines `heartbeat sink=file` of each server process, so that you can tell a quiet site "
        "from a dead one; 0: none.",
    )

    # CloudWatch.
    CLOUDWATCH_LOG_GROUP = Setting[str](
        "/{site}/{env}/security",
        "str",
        "CloudWatch log group; {site} and {env} are replaced.",
    )
    CLOUDWATCH_LOG_STREAM = Setting[str](
        "{host}/{function}",
        "str",
        "CloudWatch log stream; {site}, {env}, {host} and {function}, the first part of the logger's name, are "
        "replaced. Do not use a process id, which would open a new stream at each start.",
    )
    CLOUDWATCH_SITE = Setting[str | None](
        None, "str or None", "Value of {site}; None: the package that holds ROOT_URLCONF."
    )
    CLOUDWATCH_ENVIRONMENT = Setting[str | None](
        None, "str or None", "Value of {env}; None: development if DEBUG is on, else production."
    )
    CLOUDWATCH_REGION = Setting[str | None](
        None, "str or None", "AWS region; None: the setting AWS_REGION, or the region that boto3 finds."
    )
    CLOUDWATCH_ENDPOINT_URL = Setting[str | None](
        None, "URL or None", "URL of another CloudWatch, e.g. of moto; None: the URL that boto3 finds."
    )
    CLOUDWATCH_DIRECTORY = Setting[str | None](
        None,
        "path or None",
        "Directory for events that wait for CloudWatch, events that it refused, and the shipper's position; None: a "
        "directory below the system's one for temporary files, which a reboot may empty.",
    )
    CLOUDWATCH_SPOOL_LIMIT = Setting[int](
        256 * 1024 * 1024, "int", "Bytes that waiting events may take in that directory; more are dropped and counted."
    )
    CLOUDWATCH_QUEUE_LIMIT = Setting[int](
        10_000,
        "int",
        "Events that one process keeps in memory when the disk is slow or takes none; above, the caller writes them to "
        "disk, or they are dropped and counted.",
    )
    CLOUDWATCH_INTERVAL = Setting[float](
        1.0,
        "float",
        "Seconds for which a process gathers events before it delivers them; meanwhile they are on disk.",
    )
    CLOUDWATCH_HEARTBEAT = Setting[float](
        60.0, "float", "Seconds between two heartbeats of a handler or shipper; an alarm expects them. 0: none."
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
