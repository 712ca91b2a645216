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
