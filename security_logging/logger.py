"""`log_event`, the one way into the security log: it describes an occurrence, writes it and never raises."""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import cast

from django.http import HttpRequest

from security_logging.conf import conf
from security_logging.events import type_registry
from security_logging.events.event import SecurityEvent, new_event
from security_logging.events.fields import FIELDS, normalise
from security_logging.events.line import render_message
from security_logging.events.types import LOGGING_DEGRADED, EventType
from security_logging.internal import degraded, process
from security_logging.internal.delivery import deliver
from security_logging.internal.errors import guarded, report, report_misuse
from security_logging.internal.flood import Flood
from security_logging.internal.queue import reporter
from security_logging.request.current import current_request
from security_logging.request.description import describe, given_address
from security_logging.signals import security_event

MAX_EVENTS_OF_REQUEST = 100  # that are remembered; a request may cause any number, e.g. by a batch of GraphQL queries
flood_control = Flood()
_logger = lru_cache(maxsize=64)(logging.getLogger)  # without its lock, which every logger of the process waits for


def log_event(
    event_type: EventType | str,
    request: HttpRequest | None = None,
    *,
    surface: str | None = None,
    reason: str | None = None,
    ip: str | None = None,
    **fields: object,
) -> SecurityEvent | None:
    """
    Log an occurrence of the event type and return the event.

    None when it is switched off in SECURITY_LOGGING_EVENTS, or when logging it failed: that is reported, never raised.
    A handler that raises is reported too, and the other handlers get the record.

    `request` says who did it; without one the request that `SecurityLoggingMiddleware` is serving is taken. `fields`
    are those that the event type declares; a value may be attacker-controlled, and None leaves the field out. `ip`
    replaces the request's address, for an event that another program reports.
    """
    try:
        kind = type_registry.get(event_type) if isinstance(event_type, str) else event_type
        served = _served(request)
        given = {"surface": surface, "reason": reason, **fields}
        if ip is not None:
            given |= given_address(ip)
        event = _event(kind, describe(kind, served, given))
        if served is not None:
            _keep(event, served)
        if not is_wanted(kind):
            return None
        written = flood_control.fold(event)
        if not written:  # it is folded, and has to be written before the process ends
            process.speak_in_children()
        for due in written:
            _write(due, served if due is event else None)
        if degraded.noted:
            _write_degraded()
    except Exception:  # noqa: BLE001 (as a guard does, without passing all arguments on once more)
        report("log_event")
        return None
    return event


def connect() -> None:
    """Write what flood control has folded when the process ends, and let a forked process begin with nothing."""
    reporter.log_with(log_event)
    atexit.register(write_folded)  # as late as here: the handlers that it writes to end after it
    process.before_exit(write_folded)
    process.speak_at_sigterm()
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=flood_control.forget)


def write_folded() -> None:
    """Write the lines with a count that wait for the end of their window; from now on none is kept back."""
    for event in flood_control.end():
        _write_folded(event)


def is_wanted(event_type: EventType) -> bool:
    """Return whether SECURITY_LOGGING_EVENTS leaves the type on; an entry for the event wins over one for its class."""
    switches: object = conf.EVENTS
    if not switches or not isinstance(switches, Mapping):  # a wrong setting must not cost every event
        return True
    return bool(switches.get(event_type.name, switches.get(f"{event_type.event_class}.*", True)))


def events_of(request: HttpRequest) -> list[SecurityEvent]:
    """
    Return the events of the request so far, also those that are switched off: one attempt is one line.

    Of a request with very many events these are the last ones.
    """
    found: list[SecurityEvent] = getattr(request, "__dict__", {}).setdefault("_security_events", [])
    return found


def _keep(event: SecurityEvent, request: HttpRequest) -> None:
    found = events_of(request)
    found.append(event)
    if len(found) > MAX_EVENTS_OF_REQUEST:
        del found[0]


@guarded("request")
def plain_request(request: object) -> HttpRequest | None:
    """
    Return Django's own request, also from inside the request of Django REST framework that wraps it.

    None for another object, such as the context that a GraphQL library passes on in its place.
    """
    if isinstance(request, HttpRequest):
        return request
    inner = getattr(request, "_request", request)
    return cast("HttpRequest", inner) if hasattr(inner, "META") else None


def _write(event: SecurityEvent, request: HttpRequest | None) -> None:
    logger = _logger(f"{conf.LOGGER_NAME}.{event.type.event_class}")
    if logger.disabled:  # dictConfig disables loggers that it does not name; SECURITY_LOGGING_EVENTS is the switch
        logger.disabled = False
        what = f'{logger.name} was disabled, and is enabled again: write "disable_existing_loggers": False into LOGGING'
        report_misuse(f"logger {logger.name}", what)
    if logger.isEnabledFor(event.type.level):
        # Made by hand: the search for the caller, which is always this line, takes as long as the line's rendering.
        message = render_message(event)
        record = logger.makeRecord(logger.name, event.type.level, __file__, 0, message, (), None)
        record.__dict__["security_event"] = event
        deliver(logger, record, _report_handler)
    if security_event.receivers:
        _send(event, request)


def _report_handler(handler: logging.Handler) -> None:
    report(f"handler {handler.get_name() or type(handler).__name__}")


@guarded("flood")
def _write_folded(event: SecurityEvent) -> None:
    _write(event, None)


@guarded("security_event")
def _send(event: SecurityEvent, request: HttpRequest | None) -> None:
    security_event.send_robust(sender=event.type, event=event, request=request)


@guarded("logging_degraded")
def _write_degraded() -> None:
    """Log what a handler noted while it wrote."""
    for sink, detail in degraded.due():
        if is_wanted(LOGGING_DEGRADED):
            described = describe(LOGGING_DEGRADED, None, {"sink": sink, "detail": detail})
            _write(_event(LOGGING_DEGRADED, described), None)


def _served(request: object) -> HttpRequest | None:
    plain = request if isinstance(request, HttpRequest) else plain_request(request)
    current = current_request()
    # A library may authenticate with a request that it has made up: no view serves it (django-oauth-toolkit).
    is_made_up = current is not None and getattr(plain, "resolver_match", None) is None
    return current if plain is None or is_made_up else plain


def _event(event_type: EventType, described: dict[str, object]) -> SecurityEvent:
    """Return the event, without those fields that cannot be written: one wrong number must not cost the line."""
    try:
        return new_event(event_type, described)
    except Exception:  # noqa: BLE001 (then without what fails)
        report("event")
        return new_event(event_type, {name: value for name, value in described.items() if _is_writable(name, value)})


def _is_writable(name: str, value: object) -> bool:
    try:
        normalise(FIELDS[name], value)
    except Exception:  # noqa: BLE001 (whatever the value is, it costs its own field only)
        report(f"field {name}")
        return False
    return True
