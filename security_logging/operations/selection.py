"""The events that the options of `security_events` select."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from security_logging.addresses.parsing import Network, parse_address, parse_network
from security_logging.events import type_registry
from security_logging.events.event import SecurityEvent
from security_logging.events.fields import UNKNOWN
from security_logging.events.type_registry import EVENT_CLASSES

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}  # seconds
_SPAN = re.compile(r"(\d{1,6})([smhdw])")


@dataclass(frozen=True)
class Selection:
    """
    The conditions that an event must meet; an empty tuple and None set no condition.

    `names` are names of event types. `networks` are compared with the address, the peer and the claimed address,
    `users` with the user who acted and the user acted on.
    """

    names: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    users: tuple[str, ...] = ()
    surfaces: tuple[str, ...] = ()
    since: datetime | None = None
    counted: bool = False

    def matches(self, event: SecurityEvent) -> bool:
        """Return whether the event meets all conditions."""
        fields = event.fields
        return (
            (not self.names or event.type.name in self.names)
            and (not self.networks or self._is_near(event))
            and (not self.users or fields.get("user") in self.users or fields.get("target") in self.users)
            and (not self.surfaces or fields["surface"] in self.surfaces)
            and (self.since is None or event.time >= self.since)
            and (not self.counted or is_counted(event))
        )

    def _is_near(self, event: SecurityEvent) -> bool:
        written = (event.fields.get(name, UNKNOWN) for name in ("ip", "peer", "claimed"))
        addresses = [address for text in written if (address := parse_address(str(text)))]
        return any(address in network for address in addresses for network in self.networks)


def is_counted(event: SecurityEvent) -> bool:
    """Return whether a mode of the Fail2ban filter counts the event against its address."""
    return event.type.counted_as is not None and event.address != UNKNOWN


def moment(text: str, now: datetime | None = None) -> datetime:
    """
    Return the time that `2h`, `30m`, `1d` or an ISO 8601 time means; without a zone it is UTC, as the log is.

    Raises ValueError for anything else.
    """
    span = _SPAN.fullmatch(text)
    if span:
        return (now or datetime.now(timezone.utc)) - timedelta(seconds=int(span[1]) * _UNITS[span[2]])
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        example = f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M}"
        raise ValueError(f"{text!r} is not a time; write 2h, 30m, 1d, or an ISO 8601 time such as {example}") from None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def names_of(text: str) -> tuple[str, ...]:
    """Return the event types of a name or of a class such as `auth.*`; raises ValueError when there is none."""
    known = {event_type.name: event_type for event_type in type_registry.event_types()}
    event_class = text.removesuffix(".*")
    if text in known:
        return (text,)
    if text.endswith(".*") and event_class in EVENT_CLASSES:
        return tuple(name for name, event_type in known.items() if event_type.event_class == event_class)
    raise ValueError(f"{text!r} is not an event type; write one of {', '.join(known)}, or a class such as auth.*")


def network_of(text: str) -> Network:
    """Return the network of an address or CIDR range; raises ValueError for anything else."""
    return parse_network(text)
