"""What is said of an occurrence: by the request it happened in, by who logs it, and by the user name policy."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from django.http import HttpRequest

from security_logging.addresses import client_ip
from security_logging.addresses.parsing import net_of, parse_address
from security_logging.events import event as events
from security_logging.events.fields import UNKNOWN
from security_logging.events.types import EventType
from security_logging.internal.errors import attempt, report_misuse
from security_logging.request import user_names
from security_logging.request.cross_site import is_cross_site
from security_logging.request.identifier import request_id_of
from security_logging.request.path import path_of
from security_logging.request.surface import surface_of

Fact = tuple[str, Callable[[HttpRequest], object]]

# What a request says of an event whose type declares the field.
_FACTS: tuple[Fact, ...] = (
    ("surface", surface_of),
    ("method", attrgetter("method")),
    ("path", path_of),
    ("agent", lambda request: request.META.get("HTTP_USER_AGENT")),
    ("request_id", request_id_of),
    ("crosssite", lambda request: is_cross_site(request) or None),
)


def describe(event_type: EventType, request: HttpRequest | None, given: dict[str, Any]) -> dict[str, object]:
    """
    Return the fields of the event, None for what nobody knows: what the request says, overridden by what is given.

    A field that the type does not declare is left out, and what fails costs one field; both are reported.
    """
    declared = events.layout(event_type.fields).names
    if not given.keys() <= declared:
        given = {name: value for name, value in given.items() if name in declared or _is_misused(event_type, name)}
    known: dict[str, object] = {}
    if request is not None:
        known = _said_by(request, declared, given)
        if "ip" not in given:
            known |= attempt("client_ip", _addresses, known, request)
    for name, value in given.items():
        if value is not None:
            known[name] = attempt(name, value, None) if callable(value) else value
    known.update(attempt("user_names", user_names.protected, user_names.NO_NAMES, event_type, known))
    if not known.keys() <= declared:  # not every event says who the peer was, or whether the user is known
        known = {name: value for name, value in known.items() if name in declared}
    return known


def given_address(ip: str) -> dict[str, object]:
    """Return the fields of the address that the caller names; what is no address is unknown."""
    address = parse_address(str(ip))
    return {"ip": address or UNKNOWN, "net": net_of(address) if address else UNKNOWN}


def _is_misused(event_type: EventType, name: str) -> bool:
    report_misuse(f"undeclared {name}", f"{event_type.name} declares no field {name!r}: it is left out")
    return False


def _said_by(request: HttpRequest, declared: frozenset[str], given: dict[str, Any]) -> dict[str, object]:
    try:
        return {name: fact(request) for name, fact in _FACTS if name in declared and given.get(name) is None}
    except Exception:  # noqa: BLE001 (then each by itself, so that the failing one costs no more than its field)
        wanted = [(name, fact) for name, fact in _FACTS if name in declared and given.get(name) is None]
        return {name: attempt(name, fact, None, request) for name, fact in wanted}


def _addresses(request: HttpRequest) -> dict[str, object]:
    client = client_ip.resolve(request)
    found: dict[str, object] = {"ip": client.ip, "net": client.net}
    if client.address is None:
        found["ip_reason"] = client.reason
    if client.peer not in (client.address, None):
        found["peer"] = client.peer
    if client.claimed is not None:
        found["claimed"] = client.claimed
    return found
