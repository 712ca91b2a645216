"""Filters for handlers: they tell where a record comes from, and keep out what nobody wants to read."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import lru_cache

from django.utils.module_loading import import_string

from security_logging.formatters.record_text import text_of
from security_logging.internal.errors import guarded
from security_logging.logging_config.streams import HEALTH_PATHS
from security_logging.request.current import current_request
from security_logging.request.identifier import request_id_of

__all__ = ["ContextFilter", "HealthCheckFilter", "RateLimitFilter"]

# Loggers of access logs; daphne's own access log does not go through logging, its runserver's does.
ACCESS_LOGGERS = frozenset({"gunicorn.access", "uvicorn.access", "django.server", "django.channels.server"})
MAX_KINDS = 10_000  # kinds of records that a rate limit tells apart; records of further kinds pass

# Functions that return further attributes for each record, e.g. those of a Celery task; they must not raise.
providers: list[Callable[[], Mapping[str, str | int]]] = []
drill_id: ContextVar[str] = ContextVar("security_logging_drill_id", default="")
_KEPT = "_security_logging_kept"
_asking_tenant: ContextVar[bool] = ContextVar("security_logging_asking_tenant", default=False)


class ContextFilter(logging.Filter):
    """
    Give each record the attributes service, env, host, group, stream, request_id, tenant and drill_id.

    A value that the record has already, from `extra`, stays; an unknown one is "". `streams` maps the beginnings of
    logger names to names of streams, "" being all others. `tenant` is a function without arguments, or its dotted path,
    that returns the tenant of this moment, e.g. `lambda: connection.schema_name`; when it raises, there is none.
    """

    def __init__(
        self,
        *,
        service: str = "",
        env: str = "",
        group: str = "",
        streams: Mapping[str, str] | None = None,
        tenant: str | Callable[[], object] | None = None,
    ) -> None:
        """Keep what is the same for every record of this process; a dotted path is imported at the first record."""
        super().__init__()
        self._constant = {"service": service, "env": env, "group": group, "host": socket.gethostname()}
        self._streams = dict(streams or {})
        self._tenant = tenant
        self._stream_of = lru_cache(maxsize=4096)(self._found_stream)

    def filter(self, record: logging.LogRecord) -> bool:
        """Set the attributes; every record passes."""
        known: dict[str, str | int] = {**self._constant, "drill_id": drill_id.get()}
        known["stream"] = self._stream_of(record.name)
        for provider in providers:
            known |= provider()
        for name, value in known.items():
            record.__dict__.setdefault(name, value)
        if "request_id" not in record.__dict__:
            record.request_id = _current_id() or ""
        if "tenant" not in record.__dict__:
            record.tenant = self._current_tenant()
        return True

    def _current_tenant(self) -> str:
        if self._tenant is None or _asking_tenant.get():  # the hook itself may log
            return ""
        token = _asking_tenant.set(True)
        try:
            return self._ask_tenant() or ""
        finally:
            _asking_tenant.reset(token)

    @guarded("tenant")
    def _ask_tenant(self) -> str:
        if isinstance(self._tenant, str):
            self._tenant = import_string(self._tenant)
        return str(self._tenant() or "") if callable(self._tenant) else ""

    def _found_stream(self, logger_name: str) -> str:
        while logger_name:
            if logger_name in self._streams:
                return self._streams[logger_name]
            logger_name = logger_name.rpartition(".")[0]
        return self._streams.get("", "")


@guarded("request_id")
def _current_id() -> str | None:
    request = current_request()
    return None if request is None else request_id_of(request)


class HealthCheckFilter(logging.Filter):
    """Keep answered health checks out of the access logs of gunicorn, uvicorn, daphne and runserver; failures stay."""

    def __init__(self, paths: Sequence[str] = HEALTH_PATHS) -> None:
        """Take the exact paths, without a query."""
        super().__init__()
        self._paths = frozenset(paths)

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to keep the record."""
        if record.name not in ACCESS_LOGGERS:
            return True
        path, status = _asked(record)
        return path.partition("?")[0] not in self._paths or not status.startswith(("2", "3"))


class RateLimitFilter(logging.Filter):
    """
    Let a number of like records pass in a window of time: same logger, level and message before its arguments.

    The first record of the next window has the number of those that were dropped as its attribute `suppressed`.
    Security events and records of level ERROR and above always pass.
    """

    def __init__(self, limit: int = 100, window: float = 60, clock: Callable[[], float] = time.monotonic) -> None:
        """Take how many records pass and the length of the window in seconds."""
        super().__init__()
        self._limit, self._window, self._clock = limit, window, clock
        self._lock = threading.RLock()  # a signal handler may log while the thread that it interrupts holds it
        self._seen: dict[tuple[str, int, str], list[float]] = {}  # when the window began, how many there were

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to keep the record."""
        if record.levelno >= logging.ERROR or hasattr(record, "security_event"):
            return True
        if not hasattr(record, _KEPT):  # several handlers share this filter, and a record is one record
            kind = (record.name, record.levelno, text_of(record.msg)[:200])
            with self._lock:
                setattr(record, _KEPT, self._count(kind, record))
        return bool(getattr(record, _KEPT))

    def _count(self, kind: tuple[str, int, str], record: logging.LogRecord) -> bool:
        now = self._clock()
        if len(self._seen) >= MAX_KINDS and kind not in self._seen:
            self._seen = {old: seen for old, seen in self._seen.items() if now - seen[0] < self._window}
            if len(self._seen) >= MAX_KINDS:
                return True
        began, count = self._seen.get(kind, (float("-inf"), 0))
        if now - began >= self._window:
            self._seen[kind] = [now, 1]
            if count > self._limit:
                record.suppressed = int(count) - self._limit
            return True
        self._seen[kind] = [began, count + 1]
        return count < self._limit


def _asked(record: logging.LogRecord) -> tuple[str, str]:
    """Return path and status of a record of an access log, "" where it is made otherwise than we know."""
    arguments = record.args
    if isinstance(arguments, Mapping):
        return str(arguments.get("U", arguments.get("path", ""))), str(arguments.get("s", arguments.get("status", "")))
    if record.name == "uvicorn.access" and isinstance(arguments, tuple) and len(arguments) == 5:
        return str(arguments[2]), str(arguments[4])
    if record.name == "django.server" and isinstance(arguments, tuple) and len(arguments) == 3:
        return _path_of(str(arguments[0])), str(arguments[1])
    return "", ""


def _path_of(request_line: str) -> str:
    parts = request_line.split(" ")
    return parts[1] if len(parts) == 3 else ""
