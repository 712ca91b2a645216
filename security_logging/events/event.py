"""A security event: one occurrence of an event type, as plain data."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime, timezone
from functools import lru_cache
from typing import NamedTuple

from security_logging.events.fields import FIELDS, HEAD, UNKNOWN, Value
from security_logging.events.types import EventType

_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True, init=False)
class SecurityEvent:
    """
    One occurrence of an event type; its values are normalised and cut, so that they are safe to write.

    `time` is aware, in UTC and cut to milliseconds. `fields` has all names of `HEAD`, and those optional fields of the
    type that have a value. `id`, 24 hexadecimal digits, is unique, and the same in every copy of the event.
    """

    type: EventType
    time: datetime
    pid: int
    id: str
    fields: Mapping[str, Value] = dataclass_field(hash=False)

    def __init__(self, type: EventType, time: datetime, pid: int, id: str, fields: Mapping[str, object]) -> None:  # noqa: A002 (the names of the fields)
        """
        Normalise time and fields, so that an event equals the one that is read back from its line.

        Raises ValueError for a time without a zone, for an id of another form, for a field that the type does not
        declare, and for a value that is not the address or the number that it has to be.
        """
        if time.tzinfo is None:  # astimezone() would take it for the zone of this machine
            raise ValueError(f"time without a zone: {time}")
        if not _ID.fullmatch(id):
            raise ValueError(f"not an id: {id!r}")
        moment = time if time.tzinfo is timezone.utc else time.astimezone(timezone.utc)
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        # In one step: to set the attributes of a frozen object one by one takes longer.
        self.__dict__.update(type=type, time=moment, pid=pid, id=id, fields=_normalised(type, fields))

    @property
    def address(self) -> str:
        """Return the address that may be banned, or "-"."""
        return str(self.fields["ip"])


def make_event(event_type: EventType, **fields: object) -> SecurityEvent:
    """Return a new event of the type, with the current time and process; fields that are None are left out."""
    return new_event(event_type, fields)


def new_event(event_type: EventType, fields: Mapping[str, object]) -> SecurityEvent:
    """Return a new event as `make_event` does, with the fields as a mapping."""
    return SecurityEvent(event_type, datetime.now(timezone.utc), os.getpid(), os.urandom(12).hex(), fields)


class Layout(NamedTuple):
    """The names of the fields that an event may have, and in line order the functions that make values fit."""

    names: frozenset[str]
    steps: tuple[tuple[str, Callable[[str], object], Callable[[object], Value], bool], ...]


@lru_cache(maxsize=1024)
def layout(names: tuple[str, ...]) -> Layout:
    """Return the layout of an event with these fields after those of `HEAD`."""
    fields = [FIELDS[name] for name in (*HEAD, *names)]
    steps = tuple((field.name, field.as_it_is.fullmatch, field.made_fit, field.is_text) for field in fields)
    return Layout(frozenset((*HEAD, *names)), steps)


def _normalised(event_type: EventType, fields: Mapping[str, object]) -> dict[str, Value]:
    declared, steps = layout(event_type.fields)
    if not fields.keys() <= declared:
        raise ValueError(f"{event_type.name} declares no field {', '.join(sorted(fields.keys() - declared))}.")
    values: dict[str, Value] = dict.fromkeys(HEAD, UNKNOWN)
    for name, is_fit, made_fit, is_text in steps:
        given = fields.get(name)
        if given is not None:
            # As normalise() does, without a function call for each field.
            value = given if type(given) is str and is_fit(given) else made_fit(given)
            # An optional field that is unknown is left out; a text may be a dash.
            if is_text or value != UNKNOWN:
                values[name] = value
    return values
