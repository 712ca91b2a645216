"""The fields of an event: what its request says, what is given with it, and what the user name policy leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any

from django.http import HttpRequest

from security_logging.addresses import client_ip
from security_logging.addresses.parsing import net_of, parse_address
from security_logging.events.event import layout
from security_logging.events.fields import UNKNOWN
from security_logging.events.types import EventType
from security_logging.internal.errors import guarded, report_misuse
from security_logging.request import user_names
from security_logging.request.cross_site import is_cross_site
from security_logging.request.identifier import request_id_of
from security_logging.request.path import path_of
from security_logging.request.surface import surface_of

Fact = tuple[str, Callable[[HttpRequest], object]]

# What a request says of an event whose type declares the field. Each is guarded: an error costs the one field.
_FACTS: tuple[Fact, ...] = tuple(
    (name, guarded(name)(read))
    for name, read in (
        ("surface", surface_of),
        ("method", attrgetter("method")),
        ("path", path_of),
        ("agent", lambda request: request.META.get("HTTP_USER_AGENT")),
        ("request_id", request_id_of),
        ("crosssite", lambda request: is_cross_site(request) or None),
    )
)


def describe(event_type: EventType, request: HttpRequest | None, given: dict[str, Any]) -> dict[str, object]:
    """
    Return the fields of the event: what the request says, overridden by what is given.

    None stands for a value that is not known. A given field that the type does not declare is left out and reported.
    """
    declared = layout(event_type.fields).names
    if not given.keys() <= declared:
        given = {name: value for name, value in given.items() if name in declared or _is_misused(event_type, name)}
    known: dict[str, object] = {}
    if request is not None:
        known = {name: read(request) for name, read in _facts_of(event_type.fields) if given.get(name) is None}
        if "ip" not in given:
            known |= _addresses(request) or {}
    for name, value in given.items():
        if value is not None:
            known[name] = value
    names = _protected_names(event_type, known)
    known.update(user_names.NO_NAMES if names is None else names)
    if not known.keys() <= declared:  # not every type has `peer`, or `known`
        known = {name: value for name, value in known.items() if name in declared}
    return known


def given_address(ip: str) -> dict[str, object]:
    """Return the fields of the address that the caller names; what is no address is unknown."""
    address = parse_address(str(ip))
    return {"ip": address or UNKNOWN, "net": net_of(address) if address else UNKNOWN}


@lru_cache(maxsize=1024)
def _facts_of(fields: tuple[str, ...]) -> tuple[Fact, ...]:
    declared = layout(fields).names
    return tuple((name, read) for name, read in _FACTS if name in declared)


def _is_misused(event_type: EventType, name: str) -> bool:
    report_misuse(f"undeclared {name}", f"{event_type.name} declares no field {name!r}: it is left out")
    return False


@guarded("user_names")
def _protected_names(event_type: EventType, known: Mapping[str, object]) -> dict[str, object]:
    return user_names.protected(event_type, known)


@guarded("client_ip")
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
