"""The event types that there are, the project's own among them, and what each mode of the filter counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from security_logging.events.fields import FIELDS, HEAD
from security_logging.events.types import EVENT_TYPES, EventType

FOREIGN = "log"  # The event word of a record that is no security event but reached our formatters. Never counted.
EVENT_CLASSES = ("auth", "account", "probe", "response", "system")
COUNTED_AS = ("normal", "probe")
LINE_LIMIT = 2048  # bytes; one O_APPEND write below it stays whole and no syslog cuts it
LONGEST_PREFIX = 29 + 1 + len("django-security[4194304]: ")  # bytes of time, space, ident and the largest Linux pid

# What each mode of the Fail2ban filter counts: the families of event types, and the one surface if only one.
MODES: Mapping[str, tuple[tuple[str, ...], str | None]] = MappingProxyType(
    {
        "normal": (("normal",), None),
        "admin": (("normal",), "admin"),
        "probe": (("probe",), None),
        "aggressive": (("normal", "probe"), None),
    }
)

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_registry: dict[str, EventType] = {event_type.name: event_type for event_type in EVENT_TYPES}


def event_types() -> tuple[EventType, ...]:
    """Return all event types: our own in the order of the vocabulary, then the project's."""
    return tuple(_registry.values())


def get(name: str) -> EventType:
    """Return the event type of that name; raises KeyError when there is none."""
    return _registry[name]


def counted(mode: str) -> tuple[EventType, ...]:
    """Return the event types that the filter counts in that mode; raises KeyError for an unknown mode."""
    families, _surface = MODES[mode]
    return tuple(event_type for event_type in event_types() if event_type.counted_as in families)


def register(event_type: EventType) -> EventType:
    """
    Add a project's own event type and return it; doing it twice with the same type does nothing.

    Call it from `AppConfig.ready()` and run `manage.py security_fail2ban render` afterwards: the filter counts the
    type from then on, if its `counted_as` says so. Raises ValueError, with what to write instead, when the type is
    not well formed or its longest line would not fit into `LINE_LIMIT` bytes.
    """
    if _registry.get(event_type.name) == event_type:
        return _registry[event_type.name]  # one object for each name: receivers of security_event choose by it
    problem = _problem(event_type)
    if problem:
        raise ValueError(f"Event type {event_type.name!r}: {problem}")
    _registry[event_type.name] = event_type
    return event_type


def longest_line(event_type: EventType) -> int:
    """Return the length in bytes of the longest line that an event of the type can become."""
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
        return f"fields {unknown} are not in security_logging.events.fields.FIELDS; use those that are declared there."
    if twice := sorted({name for name in event_type.fields if event_type.fields.count(name) > 1}):
        return f"fields {twice} are named twice; name each once."
    if longest_line(event_type) >= LINE_LIMIT:
        return f"its line could be {longest_line(event_type)} bytes long; name fewer fields, {LINE_LIMIT} is the limit."
    return None
