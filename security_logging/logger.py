"""The one way into the security log: describe an occurrence, write it, and never be in the way."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from operator import attrgetter
from traceback import clear_frames
from typing import Any, TypeVar, cast

from django.http import HttpRequest

from security_logging import client_ip, events, line_format, user_names
from security_logging.addresses import net_of, parse_address
from security_logging.conf import conf
from security_logging.context import current_request
from security_logging.cross_site import is_cross_site
from security_logging.event_types import EventType
from security_logging.events import SecurityEvent
from security_logging.fields import FIELDS, UNKNOWN, normalise
from security_logging.flood import Flood
from security_logging.request_id import request_id_of
from security_logging.request_path import path_of
from security_logging.signals import security_event
from security_logging.surface import surface_of

T = TypeVar("T")

internal = logging.getLogger("security_logging.internal")
internal_errors: dict[str, int] = {}  # our own failures in this process, by place
_REPORT_INTERVAL = 60  # seconds between two reports about the same place
_reported: dict[str, float] = {}
flood_control = Flood()
# What a request says about an event whose type declares the field; each is asked for itself, so that a failing one
# costs no more than its field.
_FACTS: tuple[tuple[str, Callable[[HttpRequest], object]], ...] = (
    ("surface", surface_of),
    ("method", attrgetter("method")),
    ("path", path_of),
    ("agent", lambda request: request.META.get("HTTP_USER_AGENT")),
    ("request_id", request_id_of),
    ("crosssite", lambda request: is_cross_site(request) or None),
)


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
        event = _event(kind, _described(kind, served, {"surface": surface, "reason": reason, **_given(ip), **fields}))
        if served is not None:
            attempt("events_of", _remember, None, served, event)
        if not is_wanted(kind):
            return None
        for due in attempt("flood", flood_control.fold, [event], event):
            _write(due, served if due is event else None)
    except Exception:  # noqa: BLE001 (the one place that catches: nothing may raise into a login)
        report("log_event")
        return None
    return event


def connect() -> None:
    """Write what flood control has folded when the process ends, and let a forked process begin with nothing."""
    atexit.register(write_folded)
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=flood_control.forget)


def write_folded() -> None:
    """Write the lines with a count that wait for the end of their window."""
    for event in flood_control.take():
        attempt("flood", _write, None, event, None)


def is_wanted(event_type: EventType) -> bool:
    """Tell whether the project wants events of the type: what it says of the event wins over what of its class."""
    switches: object = conf.EVENTS
    if not switches or not isinstance(switches, Mapping):  # a wrong setting must not cost every event
        return True
    return bool(switches.get(event_type.name, switches.get(f"{event_type.event_class}.*", True)))


def events_of(request: HttpRequest) -> list[SecurityEvent]:
    """Return what happened in the request so far, also what is switched off: one attempt is to be one line."""
    found: list[SecurityEvent] = request.__dict__.setdefault("_security_events", [])
    return found


def plain_request(request: object) -> HttpRequest | None:
    """
    Return Django's own request, also from inside the request of Django REST framework that wraps it.

    None for what is no request, such as the context that a GraphQL library passes on in its place.
    """
    inner = request if isinstance(request, HttpRequest) else getattr(request, "_request", request)
    return cast("HttpRequest", inner) if hasattr(inner, "META") else None


def report(place: str) -> None:
    """
    Report the exception being handled to the logger `security_logging.internal`, once a minute for each place.

    It is the only word about a failure of ours: nothing may reach the login that we watch. The traceback is shown
    without the error's own text, which may hold what somebody typed: int("hunter2") says so.
    """
    _report(place, f"{place} failed", sys.exc_info()[1])


def _report(place: str, what: str, error: BaseException | None) -> None:
    internal_errors[place] = internal_errors.get(place, 0) + 1
    now = time.monotonic()
    if now - _reported.get(place, float("-inf")) < _REPORT_INTERVAL:
        return
    _reported[place] = now
    with suppress(Exception):
        shown = None if error is None else _without_text(error)
        internal.error("%s, %d times in this process", what, internal_errors[place], exc_info=shown)


def _without_text(error: BaseException) -> BaseException:
    kind = type(error)
    # Whoever mails or sends errors (AdminEmailHandler, Sentry) adds the local variables, the credentials among them.
    clear_frames(error.__traceback__)
    silent: BaseException = type(kind.__name__, (Exception,), {"__module__": kind.__module__})()
    return silent.with_traceback(error.__traceback__)


def attempt(place: str, work: Callable[..., T], otherwise: T, *arguments: object) -> T:
    """Return what the work returns for the arguments; when it raises, report that and return `otherwise`."""
    try:
        return work(*arguments)
    except Exception:  # noqa: BLE001 (the one place that catches: nothing may raise into a login)
        report(place)
        return otherwise


def _write(event: SecurityEvent, request: HttpRequest | None) -> None:
    logger = logging.getLogger(f"{conf.LOGGER_NAME}.{event.type.event_class}")
    if logger.isEnabledFor(event.type.level):
        # Made by hand: the search for the caller, which is always this line, takes as long as the line's rendering.
        message, data = line_format.render_message(event), {"security_event": event}
        logger.handle(logger.makeRecord(logger.name, event.type.level, __file__, 0, message, (), None, extra=data))
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


def _remember(request: HttpRequest, event: SecurityEvent) -> None:
    events_of(request).append(event)


def _event(event_type: EventType, described: dict[str, object]) -> SecurityEvent:
    """Return the event, without those fields that cannot be written: one wrong number must not cost the line."""
    event = attempt("event", _make, None, event_type, described)
    return event or _make(event_type, dict(filter(_is_writable, described.items())))


def _make(event_type: EventType, fields: dict[str, object]) -> SecurityEvent:
    return events.make_event(event_type, **fields)


def _is_writable(item: tuple[str, object]) -> bool:
    name, value = item
    return attempt(f"field {name}", normalise, None, FIELDS[name], value) is not None


def _described(event_type: EventType, request: HttpRequest | None, given: dict[str, Any]) -> dict[str, object]:
    """Return the fields of the event that have a value: what the request says, overridden by what is given."""
    declared = events.layout(event_type.fields)
    for name in given.keys() - declared.keys():
        _report(f"undeclared {name}", f"{event_type.name} declares no field {name!r}: it is left out", None)
    known: dict[str, object] = {}
    if request is not None:
        if "ip" not in given:
            known = attempt("client_ip", _address_fields, known, request)
        for name, fact in _FACTS:
            if name in declared and given.get(name) is None:
                known[name] = attempt(name, fact, None, request)
    for name, value in given.items():
        if value is not None:
            known[name] = attempt(name, value, None) if callable(value) else value
    known.update(attempt("user_names", user_names.protected, user_names.NO_NAMES, event_type, known))
    return {name: value for name, value in known.items() if value is not None and name in declared}


def _address_fields(request: HttpRequest) -> dict[str, object]:
    client = client_ip.resolve(request)
    found: dict[str, object] = {"ip": client.address, "net": client.net}
    if client.address is None:
        found.update(ip=UNKNOWN, ip_reason=client.reason)
    if client.peer not in (client.address, None):
        found["peer"] = client.peer
    if client.claimed not in (client.address, None):
        found["claimed"] = client.claimed
    return found


def _given(ip: str | None) -> dict[str, object]:
    """Return the address that the caller names; one that is none is unknown, and never the request's instead."""
    if ip is None:
        return {}
    address = parse_address(str(ip))
    return {"ip": address or UNKNOWN, "net": net_of(address) if address else UNKNOWN}
