"""The JSON form: an event in the Elastic Common Schema, on one ASCII line whose first keys have a fixed order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from security_logging.events import type_registry
from security_logging.events.event import SecurityEvent
from security_logging.events.fields import FIELDS, HEAD, UNKNOWN, Value

ECS_VERSION = "9.4.0"
PROVIDER = "django-security-logging"
DATASET = "django.security"  # ECS allows no "-" in it (data_stream.dataset)

_ARRAYS = {"observer.ip"}  # ECS declares these fields as arrays


def render_json(event: SecurityEvent, extra: Mapping[str, object] | None = None) -> str:
    """
    Return the event as one line of ASCII JSON, without a line end.

    Time, event and address come first, in this order, and all text of a client comes after them, so that it cannot
    mislead an anchored filter. `extra` has further top-level objects, e.g. `service`; they come last.
    """
    return dumps({**document(event), **(extra or {})})


def document(event: SecurityEvent) -> dict[str, Any]:
    """Return the event as a nested ECS document, in the order in which it is written."""
    result: dict[str, Any] = {"@timestamp": timestamp(event.time), "event": _event(event)}
    for name, value in event.fields.items():
        if name != "reason" and not (name in HEAD and value == UNKNOWN):
            _put(result, FIELDS[name].ecs, value)
    result["related"] = _related(event)
    result["process"] = {"pid": event.pid}
    result["message"] = event.type.name
    result["ecs"] = {"version": ECS_VERSION}
    return result


def parse_json(line: str) -> SecurityEvent:
    """
    Return the event of a line; raises ValueError if the line is not a security event.

    Keys that this version does not know are ignored.
    """
    try:
        return _read(json.loads(line))
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError) as error:
        raise ValueError(f"not a security event: {line[:80]!r}") from error


def timestamp(time: datetime) -> str:
    """Return the time, which must be in UTC, in the form that ECS and CloudWatch read: with milliseconds and a Z."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def dumps(value: Mapping[str, object]) -> str:
    """Return the mapping as compact ASCII JSON, so that it contains no control characters."""
    return json.dumps(value, separators=(",", ":"), default=str)


def _read(found: Any) -> SecurityEvent:
    event_type = type_registry.get(found["event"]["action"])
    return SecurityEvent(
        type=event_type,
        time=datetime.fromisoformat(found["@timestamp"].replace("Z", "+00:00")),
        pid=int(found["process"]["pid"]),
        id=found["event"]["id"],
        fields=_fields(found, (*HEAD, *event_type.fields)),
    )


def _event(event: SecurityEvent) -> dict[str, object]:
    described = {
        "action": event.type.name,
        "id": event.id,
        "kind": "event",
        "category": event.type.ecs_categories,
        "type": event.type.ecs_types,
        "outcome": event.type.ecs_outcome,
        "reason": event.fields["reason"],
        "code": event.type.owasp,
        "provider": PROVIDER,
        "dataset": DATASET,
        "severity": event.type.severity,
    }
    return {key: value for key, value in described.items() if value not in (UNKNOWN, "", ())}


def _related(event: SecurityEvent) -> dict[str, list[Value]]:
    """Return each address and each name in the event once, so that one search finds them in any field."""
    addresses = [event.fields[name] for name in ("ip", "peer", "claimed") if event.fields.get(name, UNKNOWN) != UNKNOWN]
    names = [event.fields[name] for name in ("user", "target") if name in event.fields]
    related = {"ip": addresses, "user": names}
    return {key: list(dict.fromkeys(values)) for key, values in related.items() if values}


def _put(target: dict[str, Any], path: str, value: object) -> None:
    *parents, leaf = path.split(".")
    for parent in parents:
        target = target.setdefault(parent, {})
    target[leaf] = [value] if path in _ARRAYS else value


def _fields(found: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Value]:
    values = {name: _take(found, FIELDS[name].ecs) for name in names}
    known = {name: value for name, value in values.items() if value is not None}
    if not all(isinstance(value, str | int) for value in known.values()):
        raise TypeError("a field is a list or an object")
    return known


def _take(found: Any, path: str) -> Any:
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found[0] if path in _ARRAYS and found else found
