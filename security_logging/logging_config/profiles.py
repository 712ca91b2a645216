"""Profiles: the destinations of records, each one row of a table, and the parts of LOGGING that they need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from security_logging.formatters.text import TEXT_FORMATS
from security_logging.logging_config.streams import SECURITY

CONTEXT, HEALTH, RATE = "security_context", "security_health", "security_rate"
STREAM_HANDLER = "security_logging.handlers.StreamHandler"
FILE_HANDLER = "security_logging.handlers.SecurityFileHandler"


@dataclass(frozen=True)
class Plan:
    """The arguments of `build_logging`."""

    profiles: tuple[str, ...]
    streams: Mapping[str, Sequence[str]]
    directory: Path
    site: str = ""
    env: str = ""
    text: str = "verbose"
    syslog: str = "/dev/log"
    rotate_bytes: int = 0
    rotate_files: int = 10
    health_paths: Sequence[str] = ()
    rate_limit: int = 0
    tenant: str | Callable[[], object] | None = None


Formatter = Callable[[Plan], dict[str, Any]]


def _console(plan: Plan) -> dict[str, Any]:
    return {"()": "security_logging.formatters.ConsoleFormatter"}


def _line(plan: Plan) -> dict[str, Any]:
    return {"()": "security_logging.formatters.SecurityLineFormatter"}


def _text(plan: Plan) -> dict[str, Any]:
    return dict(TEXT_FORMATS[plan.text])


def _ecs(plan: Plan) -> dict[str, Any]:
    return {"()": "security_logging.formatters.ECSFormatter", "service": plan.site, "environment": plan.env}


@dataclass(frozen=True)
class Profile:
    """
    A destination of records.

    `handler` is the dotted path of its class, and `arguments` maps arguments of that class to arguments of
    `build_logging`. `formatter` is None if the handler has a form of its own; `other_formatter`, if given, is the
    formatter of all streams but `security`. With a `suffix` each stream has a file of its own, without one all streams
    share a handler. `never_takes` are streams that are not sent there. A destination that `needs_django` is left out of
    the processes of gunicorn and uvicorn that read no settings. `use` and `kept` say for the log inventory what the
    records are for and how long they are kept; "" leaves that to the format and to logrotate.
    """

    handler: str
    formatter: Formatter | None = None
    other_formatter: Formatter | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""
    never_takes: frozenset[str] = frozenset()
    needs_django: bool = False
    use: str = ""
    kept: str = ""


# The one list of destinations; docs/logging.md describes each in a row of its own.
PROFILES: dict[str, Profile] = {
    "console": Profile(STREAM_HANDLER, _console, kept="as whatever keeps standard error says"),
    "file": Profile(FILE_HANDLER, _line, other_formatter=_text, suffix=".log"),
    "json": Profile(FILE_HANDLER, _ecs, suffix=".json"),
    "cloudwatch": Profile(
        "security_logging.cloudwatch.CloudWatchHandler",
        _ecs,
        never_takes=frozenset({"aws", "network"}),  # the libraries that send log that they send
        needs_django=True,
        use="alarms, queries",
        kept="as the log group says: security_cloudwatch status",
    ),
    "syslog": Profile(
        "security_logging.handlers.SyslogHandler", arguments={"address": "syslog"}, kept="as the log server says"
    ),
    "journald": Profile("security_logging.handlers.JournaldHandler", kept="as journald.conf says"),
}
ALIASES = {"ecs": "json"}


@dataclass
class Parts:
    """Parts of a LOGGING dictionary, and the names of the handlers of each stream."""

    formatters: dict[str, Any] = field(default_factory=dict)
    filters: dict[str, Any] = field(default_factory=dict)
    handlers: dict[str, Any] = field(default_factory=dict)
    of_stream: dict[str, list[str]] = field(default_factory=dict)


def handler_name(profile: str) -> str:
    """Return the name in LOGGING of a profile's handler for the security stream, which all streams may share."""
    return f"security_{profile}"


def build(plan: Plan) -> Parts:
    """Return handlers, formatters and filters for the plan."""
    parts = Parts(filters=_filters(plan))
    for stream in plan.streams:
        parts.of_stream[stream] = [
            _add(parts, plan, profile, stream)
            for profile in plan.profiles
            if stream not in PROFILES[profile].never_takes
        ]
    return parts


def _add(parts: Parts, plan: Plan, name: str, stream: str) -> str:
    """Add the handler of a profile for a stream, with its formatter; return the handler's name."""
    profile = PROFILES[name]
    is_other = stream != SECURITY and profile.other_formatter is not None
    formatter = profile.other_formatter if is_other else profile.formatter
    formatter_name = "security_text" if is_other else f"security_{name}"
    handler = _handler(plan, profile, stream)
    if formatter is not None:
        parts.formatters[formatter_name] = formatter(plan)
        handler["formatter"] = formatter_name
    if formatter is _text:  # people read it, each in their own language; programs read the others, which are ASCII
        handler["encoding"] = "utf-8"
    is_security_log = bool(profile.suffix) and formatter is _line  # it has no access log, and the line no context
    filters = [filter_name for filter_name in parts.filters if filter_name == RATE or not is_security_log]
    added = f"{stream}_{name}" if profile.suffix else handler_name(name)
    parts.handlers[added] = {**handler, "filters": filters}
    return added


def _handler(plan: Plan, profile: Profile, stream: str) -> dict[str, Any]:
    arguments = {name: getattr(plan, argument) for name, argument in profile.arguments.items()}
    if not profile.suffix:
        return {"class": profile.handler, **arguments}
    path = str(plan.directory / f"{stream}{profile.suffix}")
    rotated = {"rotate_bytes": plan.rotate_bytes, "rotate_files": plan.rotate_files} if plan.rotate_bytes else {}
    return {"class": profile.handler, "filename": path, **rotated, **arguments}


def _filters(plan: Plan) -> dict[str, Any]:
    streams = {prefix: stream for stream, prefixes in plan.streams.items() for prefix in prefixes}
    context: dict[str, Any] = {
        "()": "security_logging.log_filters.ContextFilter",
        "service": plan.site,
        "env": plan.env,
        "group": "/".join(("", *filter(None, (plan.site, plan.env)))) if plan.site or plan.env else "",
        "streams": streams,
    }
    found = {CONTEXT: context | ({"tenant": plan.tenant} if plan.tenant else {})}
    if plan.health_paths:
        paths = list(plan.health_paths)
        found[HEALTH] = {"()": "security_logging.log_filters.HealthCheckFilter", "paths": paths}
    if plan.rate_limit:
        found[RATE] = {"()": "security_logging.log_filters.RateLimitFilter", "limit": plan.rate_limit}
    return found
