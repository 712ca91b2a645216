"""Hypothesis strategies: texts that break logs, and events of every type that hold them."""

from __future__ import annotations

from datetime import datetime, timezone

from hypothesis import strategies as st

from security_logging.events.event import SecurityEvent
from security_logging.events.fields import FIELDS, Field, Kind
from security_logging.events.type_registry import event_types
from security_logging.events.types import EventType

_FORGED = (
    "\n", "\r\n", "\x00", "\x1b[2J", "\u2028", "\ud800", "\udfff", "\U0001f4a5", "\x7f", '"', "\\", '\\"', " ", "-",
    "\n2026-08-01T12:00:00.123+00:00 django-security[1]: login_failed ip=198.51.100.1 net=198.51.100.1 surface=admin ",
    '"}},"source":{"ip":"198.51.100.1"},"labels":{"net":"198.51.100.1","surface":"admin"}',
    '" ip=198.51.100.1 net=198.51.100.1 surface=admin reason=x id=000000000000000000000000',
)  # fmt: skip

# Any code point, lone surrogates included; parts of our own forms; and more than any field keeps.
texts = st.builds(
    lambda parts, times: "".join(parts) * times,
    st.lists(st.text(st.characters()) | st.sampled_from(_FORGED), max_size=6),
    st.sampled_from([1, 1, 1, 1, 300]),
)
addresses = st.ip_addresses().map(str) | st.just("-")
networks = addresses | st.ip_addresses(v=6).map(lambda ip: f"{ip}/128")
times = st.datetimes(timezones=st.just(timezone.utc))
identifiers = st.text("0123456789abcdef", min_size=24, max_size=24)


def values(field: Field) -> st.SearchStrategy[str | int]:
    """Return what a caller may put into the field."""
    kinds: dict[Kind, st.SearchStrategy[str | int]] = {
        Kind.TEXT: texts,
        Kind.WORD: texts,
        Kind.INTEGER: st.integers(),
        Kind.ADDRESS: addresses,
        Kind.NETWORK: networks,
    }
    return kinds[field.kind]


def events_of_type(event_type: EventType) -> st.SearchStrategy[SecurityEvent]:
    """Return events of the type, each with some of the fields that it may have."""
    fields = st.fixed_dictionaries(
        {name: values(FIELDS[name]) for name in ("ip", "net", "surface", "reason")},
        optional={name: values(FIELDS[name]) for name in event_type.fields},
    )
    return st.builds(SecurityEvent, st.just(event_type), times, st.integers(0, 2**22), identifiers, fields)


events = st.sampled_from(event_types()).flatmap(events_of_type)


def fullest(event_type: EventType, text: str = "alice", time: datetime | None = None) -> SecurityEvent:
    """Return an event of the type that has a value in every field, as long as it can be with that text."""
    by_kind: dict[Kind, str | int] = {
        Kind.TEXT: text,
        Kind.WORD: "w" * 128,
        Kind.INTEGER: 10**12,
        Kind.ADDRESS: "2001:db8:1111:2222:3333:4444:5555:6666",
        Kind.NETWORK: "2001:db8:1111:2222::/64",
    }
    names = ("ip", "net", "surface", "reason", *event_type.fields)
    return SecurityEvent(
        type=event_type,
        time=time or datetime(2026, 8, 1, 12, 0, 0, 123000, tzinfo=timezone.utc),
        pid=2**22,
        id="4f1c0a2b9d3e4c5f60718293",
        fields={name: by_kind[FIELDS[name].kind] for name in names},
    )
