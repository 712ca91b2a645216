"""The event types that there are, the project's own among them, and what each mode of the filter counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from security_logging.events.fields import FIELDS, HEAD
from security_logging.events.types import EVENT_TYPES, LOCKED, EventType

FOREIGN = "log"  # written in place of an event name for other records that reach our formatters; never counted
EVENT_CLASSES = ("auth", "account", "probe", "response", "system")
COUNTED_AS = ("normal", "probe", LOCKED)
LINE_LIMIT = 2048  # bytes; a shorter line is appended with one write, and no syslog cuts it
LONGEST_PREFIX = 29 + 1 + len("django-security[4194304]: ")  # bytes of time, space, ident and the largest Linux pid

# What each mode of the Fail2ban filter counts: families of event types, and the surface, None for all.
MODES: Mapping[str, tuple[tuple[str, ...], str | None]] = MappingProxyType(
    {
        "normal": (("normal",), None),
        "admin": (("normal",), "admin"),
        "probe": (("probe",), None),
        "aggressive": (("normal", "probe"), None),
        LOCKED: ((LOCKED,), None),
    }
)

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_registry: dict[str, EventType] = {event_type.name: event_type for event_type in EVENT_TYPES}


def event_types() -> tuple[EventType, ...]:
    """Return all event types: those of the package in the order of EVENT_TYPES, then those of the project."""
    return tuple(_registry.values())


def get(name: str) -> EventType:
    """Return the event type of that name; raises KeyError if there is none."""
    return _registry[name]


def counted(mode: str) -> tuple[EventType, ...]:
    """Return the event types that the filter counts in that mode; raises KeyError for an unknown mode."""
    families, _surface = MODES[mode]
    return tuple(event_type for event_type in event_types() if event_type.counted_as in families)


def register(event_type: EventType) -> EventType:
    """
    Add an event type of the project, and return it; a second call with the same type changes nothing.

    Call it from `AppConfig.ready()`. If the type has `counted_as`, run `manage.py security_fail2ban install`
    afterwards, so that the filter counts it. Raises ValueError, with what to write instead, if the type is not valid
    or its longest line would not fit into `LINE_LIMIT` bytes.
    """
    if _registry.get(event_type.name) == event_type:
        return _registry[event_type.name]  # the first object: a receiver of security_event is connected to it
    problem = _problem(event_type)
    if problem:
        raise ValueError(f"Event type {event_type.name!r}: {problem}")
    _registry[event_type.name] = event_type
    return event_type


def longest_line(event_type: EventType) -> int:
    """Return the length in bytes of the longest possible line of the type."""
    names = (*HEAD, *event_type.fields, "id")
    return LONGEST_PREFIX + len(event_type.name) + sum(len(name) + 2 + FIELDS[name].max_length for name in names)


def _problem(event_type: EventType) -> str | None:
    unknown = [name for name in event_type.fields if name not in FIELDS or name in (*HEAD, "id")]
    if not _NAME.fullmatch(event_type.name) or event_type.name == FOREIGN:
        return "the name must be 1 to 32 characters of a-z, 0-9 and _, begin with a letter, and not be 'log'."
    if event_type.name in _registry:
        return "another event type has this name; choose a name of your own, e.g. 'shop_voucher_guessed'."
    if event_type.event_class not in EVENT_CLASSES:
        return f"event_class {event_type.event_class!r} is unknown; write one of {', '.join(EVENT_CLASSES)}."
    if event_type.counted_as not in (None, *COUNTED_AS):
        return f"counted_as {event_type.counted_as!r} is unknown; write one of {', '.join(COUNTED_AS)} or None."
    if unknown:
        return f"fields {unknown} do not exist; choose from those that docs/events.md lists."
    if twice := sorted({name for name in event_type.fields if event_type.fields.count(name) > 1}):
        return f"fields {twice} are named twice; name each field once."
    if longest_line(event_type) >= LINE_LIMIT:
        return f"its line could be {longest_line(event_type)} bytes long; name fewer fields, {LINE_LIMIT} is the limit."
    return None
