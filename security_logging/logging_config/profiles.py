"""Profiles: for each place that records can go to, its handlers and formatters as parts of LOGGING."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from security_logging.formatters.text import TEXT_FORMATS
from security_logging.logging_config.streams import NEVER_SENT, SECURITY

ALIASES = {"ecs": "json"}
PROFILES = ("console", "file", "json", "cloudwatch", "syslog", "journald")
SUFFIXES = {"file": ".log", "json": ".json"}  # of the profiles that write files
CONTEXT, HEALTH, RATE = "security_context", "security_health", "security_rate"

_CONSOLE = {"()": "security_logging.formatters.ConsoleFormatter"}
_LINE = {"()": "security_logging.formatters.SecurityLineFormatter"}
_FILE = "security_logging.handlers.SecurityFileHandler"
_ROTATING_FILE = "concurrent_log_handler.ConcurrentRotatingFileHandler"


@dataclass(frozen=True)
class Plan:
    """What a project wants of its logging."""

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


@dataclass
class Parts:
    """Parts of a LOGGING dictionary, and the names of the handlers of each stream."""

    formatters: dict[str, Any] = field(default_factory=dict)
    filters: dict[str, Any] = field(default_factory=dict)
    handlers: dict[str, Any] = field(default_factory=dict)
    of_stream: dict[str, list[str]] = field(default_factory=dict)


def build(plan: Plan) -> Parts:
    """Return handlers, formatters and filters for the plan."""
    parts = Parts(filters=_filters(plan))
    for stream in plan.streams:
        parts.of_stream[stream] = [
            _add(parts, plan, profile, stream)
            for profile in plan.profiles
            if profile != "cloudwatch" or stream not in NEVER_SENT
        ]
    return parts


def _add(parts: Parts, plan: Plan, profile: str, stream: str) -> str:
    """Add the handler of one profile for one stream; return its name. Only files are apart for each stream."""
    if profile in SUFFIXES:
        name, formatter = f"{stream}_{profile}", _file_formatter(profile, stream)
        handler = _file_handler(plan, plan.directory / f"{stream}{SUFFIXES[profile]}")
        # People read it, each in their own language; programs read the other ones, which are ASCII.
        handler |= {"encoding": "utf-8"} if formatter == "security_text" else {}
    else:
        name = formatter = f"security_{profile}"
        handler = _shared_handler(plan, profile)
    described = _formatter(plan, formatter)
    if described:
        parts.formatters[formatter] = described
        handler["formatter"] = formatter
    parts.handlers[name] = {**handler, "filters": [name for name in parts.filters if _is_of_use(name, formatter)]}
    return name


def _is_of_use(filter_name: str, formatter: str) -> bool:
    """Tell whether the filter changes what the formatter writes: the line has no context, and it has no access log."""
    return filter_name == RATE or formatter != "security_file"


def _file_formatter(profile: str, stream: str) -> str:
    return "security_text" if profile == "file" and stream != SECURITY else f"security_{profile}"


def _formatter(plan: Plan, name: str) -> dict[str, Any]:
    ecs = {"()": "security_logging.formatters.ECSFormatter", "service": plan.site, "environment": plan.env}
    known: dict[str, dict[str, Any]] = {
        "security_console": _CONSOLE,
        "security_file": _LINE,
        "security_text": dict(TEXT_FORMATS[plan.text]),
        "security_json": ecs,
        "security_cloudwatch": ecs,
    }
    return known.get(name, {})  # syslog and journald bring their own


def _file_handler(plan: Plan, path: Path) -> dict[str, Any]:
    if not plan.rotate_bytes:
        return {"class": _FILE, "filename": str(path)}
    return {
        "class": _ROTATING_FILE,
        "filename": str(path),
        "maxBytes": plan.rotate_bytes,
        "backupCount": plan.rotate_files,
        "chmod": 0o640,
        "encoding": "ascii",
        "unicode_error_policy": "replace",
    }


def _shared_handler(plan: Plan, profile: str) -> dict[str, Any]:
    known: dict[str, dict[str, Any]] = {
        "console": {"class": "logging.StreamHandler"},
        "cloudwatch": {"class": "security_logging.cloudwatch.CloudWatchHandler"},
        "syslog": {"class": "security_logging.handlers.SyslogHandler", "address": plan.syslog},
        "journald": {"class": "security_logging.handlers.JournaldHandler"},
    }
    return known[profile]


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
