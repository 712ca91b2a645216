"""The one way into the security log: describe an occurrence, write it, and never be in the way."""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import cast

from django.http import HttpRequest

from security_logging.conf import conf
from security_logging.events import event as events
from security_logging.events import line as line_format
from security_logging.events.event import SecurityEvent
from security_logging.events.fields import FIELDS, normalise
from security_logging.events.types import EventType
from security_logging.internal import process as lifecycle
from security_logging.internal.errors import attempt, report, report_misuse
from security_logging.internal.flood import Flood
from security_logging.request.current import current_request
from security_logging.request.description import describe, given_address
from security_logging.signals import security_event

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

    `request` says who did it; without one the request that `SecurityLoggingMiddleware` is serving is taken. `fields`
    are those that the event type declares; a value may be attacker-controlled, and None leaves the field out. A
    callable is called here, so that an error in it costs one field and not the event. `ip` replaces the request's
    address, for an event that another program reports.
    """
    try:
        kind = events.get(event_type) if isinstance(event_type, str) else event_type
        served = _served(request)
        given = {"surface": surface, "reason": reason, **fields}
        if ip is not None:
            given |= given_address(ip)
        event = _event(kind, describe(kind, served, given))
        if served is not None:
            events_of(served).append(event)
        if not is_wanted(kind):
            return None
        for due in flood_control.fold(event):
            _write(due, served if due is event else None)
    except Exception:  # noqa: BLE001 (the one place that catches: nothing may raise into a login)
        report("log_event")
        return None
    return event


def connect() -> None:
    """Write what flood control has folded when the process ends, and let a forked process begin with nothing."""
    atexit.register(write_folded)  # as late as here, so that what was made before us still takes the lines
    lifecycle.before_exit(write_folded)
    lifecycle.speak_at_sigterm()
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=flood_control.forget)


def write_folded() -> None:
    """Write the lines with a count that wait for the end of their window; from now on none is kept back."""
    for event in flood_control.end():
        attempt("flood", _write, None, event, None)


def is_wanted(event_type: EventType) -> bool:
    """Tell whether the project wants events of the type: what it says of the event wins over what of its class."""
    switches: object = conf.EVENTS
    if not switches or not isinstance(switches, Mapping):  # a wrong setting must not cost every event
        return True
    return bool(switches.get(event_type.name, switches.get(f"{event_type.event_class}.*", True)))


def events_of(request: HttpRequest) -> list[SecurityEvent]:
    """Return what happened in the request so far, also what is switched off: one attempt is to be one line."""
    found: list[SecurityEvent] = getattr(request, "__dict__", {}).setdefault("_security_events", [])
    return found


def plain_request(request: object) -> HttpRequest | None:
    """
    Return Django's own request, also from inside the request of Django REST framework that wraps it.

    None for what is no request, such as the context that a GraphQL library passes on in its place.
    """
    if isinstance(request, HttpRequest):
        return request
    inner = getattr(request, "_request", request)
    return cast("HttpRequest", inner) if hasattr(inner, "META") else None


def _write(event: SecurityEvent, request: HttpRequest | None) -> None:
    logger = _logger(f"{conf.LOGGER_NAME}.{event.type.event_class}")
    if logger.disabled:  # nobody's wish, which EVENTS tells: dictConfig does so to loggers that it does not name
        logger.disabled = False
        what = f'{logger.name} was disabled, and is enabled again: write "disable_existing_loggers": False into LOGGING'
        report_misuse(f"logger {logger.name}", what)
    if logger.isEnabledFor(event.type.level):
        # Made by hand: the search for the caller, which is always this line, takes as long as the line's rendering.
        message = line_format.render_message(event)
        record = logger.makeRecord(logger.name, event.type.level, __file__, 0, message, (), None)
        record.__dict__["security_event"] = event
        logger.handle(record)
    if security_event.receivers:
        attempt("security_event", _tell, None, event, request)


def _tell(event: SecurityEvent, request: HttpRequest | None) -> None:
    security_event.send_robust(sender=event.type, event=event, request=request)


def _served(request: object) -> HttpRequest | None:
    plain = request if isinstance(request, HttpRequest) else attempt("request", plain_request, None, request)
    current = current_request()
    # A library may authenticate with a request that it has made up: no view serves it (django-oauth-toolkit).
    is_made_up = current is not None and getattr(plain, "resolver_match", None) is None
    return current if plain is None or is_made_up else plain


def _event(event_type: EventType, described: dict[str, object]) -> SecurityEvent:
    """Return the event, without those fields that cannot be written: one wrong number must not cost the line."""
    try:
        return events.new_event(event_type, described)
    except Exception:  # noqa: BLE001 (then without what fails)
        report("event")
        return events.new_event(event_type, dict(filter(_is_writable, described.items())))


def _is_writable(item: tuple[str, object]) -> bool:
    name, value = item
    return attempt(f"field {name}", normalise, None, FIELDS[name], value) is not None
