"""Events as attackers would like them: any type, any address, hostile text in every field; and whom they must count."""

from __future__ import annotations

import ipaddress
import logging
import random
from datetime import datetime, timezone

from hostile_text import VICTIM, hostile_text
from security_logging.events.event import SecurityEvent
from security_logging.events.fields import FIELDS, Kind
from security_logging.events.type_registry import MODES, counted, event_types

TIME = datetime(2026, 8, 1, 12, 0, 0, 123000, tzinfo=timezone.utc)


def random_event(source: random.Random) -> SecurityEvent:
    """Return an event of any type with hostile text in every field that takes text."""
    event_type = source.choice(event_types())
    if source.random() < 0.5:
        event_type = source.choice(counted("aggressive"))
    address, net = random_address(source)
    values: dict[str, str | int] = {
        "ip": address,
        "net": net,
        "surface": source.choice(("site", "admin", "api", "-")),
        "reason": hostile_text(source) or "-",
    }
    for name in event_type.fields:
        if source.random() < 0.7:
            values[name] = random_value(source, FIELDS[name].kind)
    return SecurityEvent(type=event_type, time=TIME, pid=412, id="4f1c0a2b9d3e4c5f60718293", fields=values)


def random_value(source: random.Random, kind: Kind) -> str | int:
    """Return a value that a field of the kind may hold, as an attacker would like it."""
    if kind is Kind.INTEGER:
        return source.randrange(100000)
    return VICTIM if kind is Kind.ADDRESS else hostile_text(source)


def random_address(source: random.Random) -> tuple[str, str]:
    """Return an address and its network; often IPv6 with zeros in any place, sometimes unknown."""
    draw = source.random()
    if draw < 0.1:
        return "-", "-"
    if draw < 0.5:
        address = str(ipaddress.IPv4Address(source.getrandbits(32)))
        return address, address
    bits = 0
    for _ in range(8):
        bits = bits << 16 | source.choice((0, 0, source.getrandbits(4), source.getrandbits(16)))
    ipv6 = ipaddress.IPv6Address(bits | 0x2000 << 112)
    return str(ipv6), str(ipaddress.IPv6Network((int(ipv6) >> 64 << 64, 64)))


def random_record(source: random.Random) -> tuple[logging.LogRecord, SecurityEvent | None]:
    """Return a record of ours with its event, or one of any other logger."""
    if source.random() < 0.2:
        text = hostile_text(source)
        return logging.LogRecord(text[:50], logging.WARNING, "", 1, text.replace("%", "%%"), None, None), None
    event = random_event(source)
    record = logging.LogRecord("security.auth", event.type.level, "", 1, "", None, None)
    record.security_event = event
    return record, event


def expected(event: SecurityEvent | None, mode: str, key: str) -> str | None:
    """Return what must be counted for the event: by the vocabulary, not by the filter."""
    if event is None or event.type not in counted(mode) or event.fields["ip"] == "-":
        return None
    surface = MODES[mode][1]
    return None if surface not in (None, event.fields["surface"]) else str(event.fields[key])


def as_network(text: str | None) -> object:
    """Return what the text means, however it is written."""
    return text and ipaddress.ip_network(text)
