"""The line: an event in the form that Fail2ban and people read, and how to read it back."""

from __future__ import annotations

import json
import re
from datetime import datetime

from security_logging.events import type_registry
from security_logging.events.event import SecurityEvent
from security_logging.events.fields import FIELDS, HEAD, Value, escape
from security_logging.events.type_registry import LINE_LIMIT
from security_logging.events.types import EventType

IDENT = "django-security"

# isoformat() takes twice as long.
_PREFIX = f"%04d-%02d-%02dT%02d:%02d:%02d.%03d+00:00 {IDENT}[%d]: "

_TEXT = r'"[ !#-\[\]-~]*(?:\\[ -~][ !#-\[\]-~]*)*"'  # an unrolled loop: it takes linear time for any text
_BARE = r"[!#-~]+"
_TEXTS = frozenset(name for name, field in FIELDS.items() if field.is_text)
_NAME = r"[a-z][a-z0-9_]*"
_PAIR = re.compile(rf" ({_NAME})=({_TEXT}|{_BARE})")
_LINE = re.compile(
    rf"(?P<time>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9:]{{8}}\.[0-9]{{3}}\+00:00) {IDENT}\[(?P<pid>[0-9]{{1,10}})\]: "
    rf"(?P<name>{_NAME})(?P<pairs>{''.join(f' {name}={_BARE}' for name in HEAD)}(?: {_NAME}=(?:{_TEXT}|{_BARE}))+)"
)


def render(event: SecurityEvent) -> str:
    """Return the whole line of the event, without a line end: one line of ASCII, below 2 KB."""
    return f"{prefix(event.time, event.pid)}{render_message(event)}"


def prefix(time: datetime, pid: int) -> str:
    """
    Return the part of the line before the name of the event: time and ident.

    The time must be in UTC. It is written with its offset, because Fail2ban reads a time without one in its own zone.
    The ident has the form of syslog (RFC 3164), so that file, syslog and journal differ only in the part before it.
    """
    moment = (time.year, time.month, time.day, time.hour, time.minute, time.second, time.microsecond // 1000)
    return _PREFIX % (*moment, pid)


def render_message(event: SecurityEvent) -> str:
    """
    Return the line without time and ident, for syslog and the journal, which have their own.

    The address comes before all text of a client, and such text is always a JSON string (Fail2ban FILTERS: anchor the
    expression, and allow no foreign text before the address).
    """
    # Rendered once, for the log record and each formatter. It is not a field, so that it does not affect equality.
    message: str | None = event.__dict__.get("_message")
    if message is None:
        message = event.__dict__["_message"] = _message(event)
    return message


def parse(line: str) -> SecurityEvent:
    """
    Return the event of a line; a line end is allowed.

    Fields that this version or this event type does not know are ignored, because a later version may add fields at
    the end. Raises ValueError if the line is cut, is not a security line, or names an unknown event type.
    """
    match = _LINE.fullmatch(line.rstrip("\r\n")) if len(line) < LINE_LIMIT + len("\r\n") else None
    if match is None:
        raise ValueError(f"not a security line: {line[:80]!r}")
    pairs = _PAIR.findall(match["pairs"])
    written = dict(pairs)
    if len(written) != len(pairs):
        raise ValueError(f"a field occurs twice: {line[:80]!r}")
    event_type = _event_type(match["name"])
    return SecurityEvent(
        type=event_type,
        time=datetime.fromisoformat(match["time"]),
        pid=int(match["pid"]),
        id=written.get("id", ""),
        fields={name: _read(name, written[name]) for name in (*HEAD, *event_type.fields) if name in written},
    )


def _event_type(name: str) -> EventType:
    try:
        return type_registry.get(name)
    except KeyError:
        raise ValueError(f"unknown event type: {name!r}") from None


def _message(event: SecurityEvent) -> str:
    words = [event.type.name]
    for name, value in event.fields.items():
        words.append(f"{name}={escape(value) if name in _TEXTS else value}")  # type: ignore[arg-type]  # a text is a str
    words.append(f"id={event.id}")
    return " ".join(words)


def _read(name: str, text: str) -> Value:
    if FIELDS[name].is_text != text.startswith('"'):
        raise ValueError(f"{name} is not written as {FIELDS[name].kind.value}: {text[:80]!r}")
    return str(json.loads(text)) if text.startswith('"') else text
