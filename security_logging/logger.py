"""The one way into the security log: describe an occurrence, write it, and never be in the way."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from security_logging import client_ip, events, line_format, user_names
from security_logging.addresses import net_of, parse_address
from security_logging.conf import conf
from security_logging.context import current_request
from security_logging.cross_site import is_cross_site
from security_logging.event_types import EventType
from security_logging.events import SecurityEvent
from security_logging.fields import HEAD, UNKNOWN
from security_logging.flood import Flood
from security_logging.request_id import request_id_of
from security_logging.request_path import path_of
from security_logging.signals import security_event
from security_logging.surface import surface_of

if TYPE_CHECKING:
    from django.http import HttpRequest

T = TypeVar("T")

internal = logging.getLogger("security_logging.internal")
internal_errors: dict[str, int] = {}  # our own failures in this process, by place
_REPORT_INTERVAL = 60  # seconds between two reports about the same place
_reported: dict[str, float] = {}
flood_control = Flood()


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
        served = plain_request(request) or current_request()
        described = _described(kind, served, {"surface": surface, "reason": reason, **_given_address(ip), **fields})
        described.update(attempt("user_names", partial(user_names.protected, kind, described), user_names.NO_NAMES))
        event = events.make_event(kind, **{name: described.get(name) for name in (*HEAD, *kind.fields)})
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
    atexit.register(write_folded)
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=flood_control.forget)


def write_folded() -> None:
    """Write the lines with a count that wait for the end of their window."""
    for event in flood_control.take():
        attempt("flood", partial(_write, event, None), None)


def is_wanted(event_type: EventType) -> bool:
    """Tell whether the project wants events of the type: what it says of the event wins over what of its class."""
    switches: object = conf.EVENTS
    if not isinstance(switches, Mapping):  # a wrong setting must not cost every event
        return True
    return bool(switches.get(event_type.name, switches.get(f"{event_type.event_class}.*", True)))


def events_of(request: HttpRequest) -> list[SecurityEvent]:
    """Return what happened in the request so far, also what is switched off: one attempt is to be one line."""
    found: list[SecurityEvent] = request.__dict__.setdefault("_security_events", [])
    return found


def plain_request(request: HttpRequest | None) -> HttpRequest | None:
    """Return Django's own request, also from inside the request of Django REST framework that wraps it."""
    if request is not None and not hasattr(type(request), "get_host"):
        return getattr(request, "_request", request)
    return request


def report(place: str) -> None:
    """
    Report the exception being handled to the logger `security_logging.internal`, once a minute for each place.

    It is the only word about a failure of ours: nothing may reach the login that we watch. The traceback is shown
    without the error's own text, which may hold what somebody typed: int("hunter2") says so.
    """
    internal_errors[place] = internal_errors.get(place, 0) + 1
    now = time.monotonic()
    if now - _reported.get(place, float("-inf")) < _REPORT_INTERVAL:
        return
    _reported[place] = now
    with suppress(Exception):
        internal.error(
            "%s failed, %d times in this process",
            place,
            internal_errors[place],
            exc_info=_without_text(sys.exc_info()[1]),
        )


def _without_text(error: BaseException | None) -> BaseException:
    kind = type(error)
    silent: BaseException = type(kind.__name__, (Exception,), {"__module__": kind.__module__})()
    return silent.with_traceback(error.__traceback__ if error is not None else None)


def attempt(place: str, work: Callable[[], T], otherwise: T) -> T:
    """Return what the work returns; when it raises, report that and return `otherwise`."""
    try:
        return work()
    except Exception:  # noqa: BLE001 (the one place that catches: nothing may raise into a login)
        report(place)
        return otherwise


def _write(event: SecurityEvent, request: HttpRequest | None) -> None:
    logger = logging.getLogger(f"{conf.LOGGER_NAME}.{event.type.event_class}")
    logger.log(event.type.level, line_format.render_message(event), extra={"security_event": event})
    attempt("security_event", partial(_tell, event, request), None)


def _tell(event: SecurityEvent, request: HttpRequest | None) -> None:
    security_event.send_robust(sender=event.type, event=event, request=request)


def _described(event_type: EventType, request: HttpRequest | None, given: dict[str, Any]) -> dict[str, object]:
    known: dict[str, object] = {}
    if request is not None:
        known = attempt("client_ip", lambda: _address_fields(request), {})
        known["surface"] = given["surface"] or attempt("surface", lambda: surface_of(request), UNKNOWN)
        known.update(_http_fields(request))
    known.update({name: _value(name, value) for name, value in given.items() if value is not None})
    return {name: known[name] for name in (*HEAD, *event_type.fields) if name in known}


def _value(name: str, value: object) -> object:
    return attempt(name, value, None) if callable(value) else value


def _address_fields(request: HttpRequest) -> dict[str, object]:
    client = client_ip.resolve(request)
    found: dict[str, object] = {"ip": client.address, "net": client.net}
    if client.address is None:
        found.update(ip=UNKNOWN, ip_reason=client.reason)
    if client.peer != client.address:
        found["peer"] = client.peer
    if client.claimed != client.address:
        found["claimed"] = client.claimed
    return found


def _given_address(ip: str | None) -> dict[str, object]:
    address = None if ip is None else parse_address(ip)
    return {} if address is None else {"ip": address, "net": net_of(address)}


def _http_fields(request: HttpRequest) -> dict[str, object]:
    return {
        "method": request.method,
        "path": attempt("request_path", partial(path_of, request), None),
        "agent": request.META.get("HTTP_USER_AGENT"),
        "request_id": attempt("request_id", partial(request_id_of, request), None),
        "crosssite": attempt("cross_site", partial(is_cross_site, request), False) or None,
    }
