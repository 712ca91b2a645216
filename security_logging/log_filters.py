"""Filters for handlers: they add the context of a record, and leave out health checks and repeated records."""

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
from security_logging.internal import locks
from security_logging.internal.errors import guarded
from security_logging.logging_config.streams import HEALTH_PATHS
from security_logging.request.current import current_request
from security_logging.request.identifier import request_id_of

__all__ = ["ContextFilter", "HealthCheckFilter", "RateLimitFilter"]

# Loggers of access logs. Daphne's own access log does not use logging; that of its runserver does.
ACCESS_LOGGERS = frozenset({"gunicorn.access", "uvicorn.access", "django.server", "django.channels.server"})
MAX_KINDS = 10_000  # kinds of records that a rate limit counts; records of further kinds pass

# Functions that return more attributes for each record, e.g. those of a Celery task; they must not raise.
providers: list[Callable[[], Mapping[str, str | int]]] = []
drill_id: ContextVar[str] = ContextVar("security_logging_drill_id", default="")
_KEPT = "_security_logging_kept"
_asking_tenant: ContextVar[bool] = ContextVar("security_logging_asking_tenant", default=False)


class ContextFilter(logging.Filter):
    """
    Set the attributes service, env, host, group, stream, request_id, tenant and drill_id of each record.

    An attribute that the record already has, from `extra`, stays; an unknown one is "". `streams` maps the beginnings
    of logger names to names of streams; "" stands for all other loggers. `tenant` is a function without arguments, or
    its dotted path, that returns the current tenant, e.g. `lambda: connection.schema_name`. If it raises, the tenant is
    unknown.
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
        """Take the values that are the same for every record; a dotted path is imported at the first record."""
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
        if self._tenant is None or _asking_tenant.get():  # the function itself may log
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
    """Leave successful health checks out of the access logs of gunicorn, uvicorn, daphne and runserver."""

    def __init__(self, paths: Sequence[str] = HEALTH_PATHS) -> None:
        """Take the exact paths, without a query."""
        super().__init__()
        self._paths = frozenset(paths)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to keep the record."""
        if record.name not in ACCESS_LOGGERS:
            return True
        path, status = _asked(record)
        return path.partition("?")[0] not in self._paths or not status.startswith(("2", "3"))


class RateLimitFilter(logging.Filter):
    """
    Limit how many similar records pass in a window of time: same logger, level and message without its arguments.

    The first record of the next window has the number of dropped records in its attribute `suppressed`. Security
    events and records of level ERROR and above always pass.
    """

    def __init__(self, limit: int = 100, window: float = 60, clock: Callable[[], float] = time.monotonic) -> None:
        """Take how many records pass, and the length of the window in seconds."""
        super().__init__()
        self._limit, self._window, self._clock = limit, window, clock
        self.renew_lock()
        locks.renew_in_child(self)
        self._seen: dict[tuple[str, int, str], list[float]] = {}  # start of the window, number of records

    def renew_lock(self) -> None:
        """Begin with a free lock, in a forked process too."""
        self._lock = threading.RLock()  # a signal handler may log while the interrupted thread holds it

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to keep the record."""
        if record.levelno >= logging.ERROR or hasattr(record, "security_event"):
            return True
        if not hasattr(record, _KEPT):  # several handlers share this filter; count the record once
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
    """Return path and status of a record of an access log, or "" if the record has an unknown form."""
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
