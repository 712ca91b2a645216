"""The line that says that a process has begun to log; without one, a gap in the log was a quiet time."""

from __future__ import annotations

import hashlib
import json
import os

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_started

import security_logging
from security_logging.conf import Settings, conf, declared
from security_logging.events.types import LOGGING_STARTED
from security_logging.handlers.sinks import sinks
from security_logging.internal import locks
from security_logging.internal.errors import guarded
from security_logging.internal.queue import heartbeat
from security_logging.logger import log_event
from security_logging.watchers import prior_failures

SERVER = "server"  # a web server's process has got its first request
_UID = "security_logging.watchers.startup"
_MAX_NAMES = 160  # characters of the handlers' names


def connect() -> None:
    """
    Wait for the first request that a server hands to Django, in this process and in each that it forks.

    Neither a management command nor the client of Django's tests is a server; and a server's master process that only
    forks never logs.
    """
    locks.renew_signal_locks()
    _wait()
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=_wait_in_child)


def _wait_in_child() -> None:
    locks.renew_signal_locks()  # a thread of the parent may have held one, which no thread of this process gives back
    _wait()


def _wait() -> None:
    request_started.connect(_on_request_started, weak=False, dispatch_uid=_UID)


@guarded("startup")
def _on_request_started(sender: object, **kwargs: object) -> None:
    """Log the start at the first request, and cost the others nothing."""
    is_server = isinstance(sender, type) and issubclass(sender, (WSGIHandler, ASGIHandler))
    if is_server and request_started.disconnect(dispatch_uid=_UID):  # true for one thread alone
        heartbeat.begin()
        log_started(SERVER)
        prior_failures.sharing.start()


def log_started(reason: str) -> None:
    """Log that this process begins to log: with which version, settings and handlers."""
    log_event(LOGGING_STARTED, reason=reason, detail=_described())


@guarded("detail")
def _described() -> str:
    names = ",".join(sink.name for sink in sinks()) or "none"
    module = getattr(settings, "SETTINGS_MODULE", None) or "-"
    version = security_logging.__version__
    return f"version={version} settings={module} configuration={_fingerprint()} handlers={names[:_MAX_NAMES]}"


def _fingerprint() -> str:
    """Return what changes when one of our settings does; secret settings are left out."""
    known = {
        name: setting.__get__(conf, Settings)
        for name, setting in declared().items()
        if setting is not Settings.HASH_KEY
    }
    return hashlib.sha256(json.dumps(known, default=_named, sort_keys=True).encode()).hexdigest()[:12]


def _named(value: object) -> object:
    # Neither the order of a set nor the address of a function is the same in another process.
    return (
        sorted(map(str, value)) if isinstance(value, (set, frozenset)) else getattr(value, "__qualname__", str(value))
    )
