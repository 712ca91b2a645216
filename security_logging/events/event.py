"""A security event as plain data, and the registry of the event types that a project logs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime, timezone
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from security_logging.events.fields import FIELDS, HEAD, UNKNOWN, Value
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

_ID = re.compile(r"[0-9a-f]{24}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_registry: dict[str, EventType] = {event_type.name: event_type for event_type in EVENT_TYPES}


@dataclass(frozen=True, init=False)
class SecurityEvent:
    """
    One occurrence of an event type, safe to write: every value is normalised and clipped on construction.

    `time` is aware, in UTC and cut to milliseconds. `fields` holds all of `HEAD` and those optional fields of the
    type that have a value. `id`, 24 hexadecimal digits, is unique in the world and the same in every copy of the
    event.
    """

    type: EventType
    time: datetime
    pid: int
    id: str
    fields: Mapping[str, Value] = dataclass_field(hash=False)

    def __init__(self, type: EventType, time: datetime, pid: int, id: str, fields: Mapping[str, object]) -> None:  # noqa: A002 (the names of the fields)
        """
        Normalise time and fields, so that an event equals the one that is read back from its line.

        Raises ValueError for a time without a zone, another id, a field that the type does not declare, and an address
        or a number that is none.
        """
        if time.tzinfo is None:  # would be read in the zone of this machine, hours wrong
            raise ValueError(f"time without a zone: {time}")
        if not _ID.fullmatch(id):
            raise ValueError(f"not an id: {id!r}")
        moment = time if time.tzinfo is timezone.utc else time.astimezone(timezone.utc)
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        # In one step, since a frozen object takes long to fill attribute by attribute.
        self.__dict__.update(type=type, time=moment, pid=pid, id=id, fields=_normalised(type, fields))

    @property
    def address(self) -> str:
        """Return the address that may be banned, or "-"."""
        return str(self.fields["ip"])


def make_event(event_type: EventType, **fields: object) -> SecurityEvent:
    """Return a new event of the type, of this moment and this process; fields that are None are left out."""
    return new_event(event_type, fields)


def new_event(event_type: EventType, fields: Mapping[str, object]) -> SecurityEvent:
    """Do the same with a mapping."""
    return SecurityEvent(event_type, datetime.now(timezone.utc), os.getpid(), os.urandom(12).hex(), fields)


class Layout(NamedTuple):
    """The fields that an event may have: their names, and in the order of the line how each is made fit to write."""

    names: frozenset[str]
    steps: tuple[tuple[str, Callable[[str], object], Callable[[object], Value], bool], ...]


@lru_cache(maxsize=1024)
def layout(names: tuple[str, ...]) -> Layout:
    """Return the layout of a line, given the fields that its event type names after `HEAD`."""
    fields = [FIELDS[name] for name in (*HEAD, *names)]
    steps = tuple((field.name, field.as_it_is.fullmatch, field.made_fit, field.is_text) for field in fields)
    return Layout(frozenset((*HEAD, *names)), steps)


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


def _normalised(event_type: EventType, fields: Mapping[str, object]) -> dict[str, Value]:
    declared, steps = layout(event_type.fields)
    if not fields.keys() <= declared:
        raise ValueError(f"{event_type.name} declares no field {', '.join(sorted(fields.keys() - declared))}.")
    values: dict[str, Value] = dict.fromkeys(HEAD, UNKNOWN)
    for name, is_fit, made_fit, is_text in steps:
        given = fields.get(name)
        if given is not None:
            # What normalise() does, without a call for each field of each event.
            value = given if type(given) is str and is_fit(given) else made_fit(given)
            # What nobody knows is not said of an optional field; but a user's name may be a dash.
            if is_text or value != UNKNOWN:
                values[name] = value
    return values
