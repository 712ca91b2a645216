"""What the last day of the log says about the set-up: above all, whether it names the clients or a proxy of ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from security_logging.addresses.parsing import parse_address, readable_networks
from security_logging.addresses.proxies import PRESETS
from security_logging.conf import Settings
from security_logging.events.event import SecurityEvent
from security_logging.events.fields import UNKNOWN
from security_logging.events.types import WRONG_ADDRESS_SUSPECTED
from security_logging.logger import log_event
from security_logging.operations import reading
from security_logging.operations.doctor.findings import Finding, error, note, ok, warning

DAY = timedelta(days=1)
FEWEST = 20  # events of clients before anything is concluded from them
MOST = 0.9  # share of them that makes a suspicion
_CAPACITY = 50_000  # different addresses that are told apart
_PRIVATE = readable_networks(("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
_FUTURE = timedelta(minutes=5)


@dataclass
class History:
    """Counts of the events of clients: by address, by peer where the address is unknown, and by why it is."""

    clients: int = 0
    unknown: int = 0
    claimed: Counter[str] = field(default_factory=Counter)
    addresses: Counter[str] = field(default_factory=Counter)
    peers: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    newest: datetime | None = None

    def add(self, event: SecurityEvent) -> None:
        """Count the event."""
        self.newest = max(self.newest or event.time, event.time)
        if event.type.event_class not in ("auth", "probe"):
            return
        self.clients += 1
        if event.address == UNKNOWN:
            self.unknown += 1
            self._count(self.peers, str(event.fields.get("peer", UNKNOWN)))
            self._count(self.reasons, str(event.fields.get("ip_reason", UNKNOWN)))
        else:
            self._count(self.addresses, event.address)
            if "claimed" in event.fields:
                self._count(self.claimed, event.address)

    def _count(self, counter: Counter[str], value: str) -> None:
        if value in counter or len(counter) < _CAPACITY:
            counter[value] += 1


@dataclass(frozen=True)
class Suspicion:
    """An address that stands for many clients: why it is suspected, and what to do."""

    reason: str
    address: str
    count: int
    message: str
    hint: str


def of_last_day(path: Path, now: datetime | None = None, *, tell: bool = True) -> Iterator[Finding]:
    """Read the last day of the log; `tell` writes a suspicion into it as `wrong_address_suspected`."""
    present = now or datetime.now(timezone.utc)
    reader, history = reading.Reader(), History()
    for event in reader.events(reading.lines_of(path, since=present - DAY)):
        if event.time >= present - DAY:
            history.add(event)
    if history.newest is None:
        yield note("history.empty", f"{path} has no event of the last day.")
    else:
        yield ok("history", f"{path}: {history.clients} events of clients in the last day, {_ago(present, history)}.")
        yield from _of_addresses(history, tell=tell)
        yield from _of_clock(history, present)
    strange = reader.skipped - reader.foreign
    if strange:
        hint = "Give the handler one of our formatters, and let no other program write into the file."
        yield warning("history.strange", f"{path} holds {strange} lines that none of our formatters wrote.", hint)


def suspicion_of(history: History) -> Suspicion | None:
    """Return the address that most events are ascribed to although it is no client's, None when all is well."""
    if history.clients < FEWEST:
        return None
    peer, by_peer = (history.peers.most_common(1) or [(UNKNOWN, 0)])[0]
    address, by_address = (history.addresses.most_common(1) or [(UNKNOWN, 0)])[0]
    if by_peer >= MOST * history.clients:
        return _of_peer(history, peer, by_peer)
    if by_address >= MOST * history.clients:
        return _of_address(history, address, by_address)
    return None


def _of_peer(history: History, peer: str, count: int) -> Suspicion:
    reason = history.reasons.most_common(1)[0][0]
    message = f"{count} of {history.clients} events have no address: they come through {_named(peer)} ({reason})."
    hint = {
        "trusted_proxy": f"Let {_named(peer)} send the header of {Settings.CLIENT_IP_HEADER.name}, by default "
        "X-Forwarded-For (nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;).",
        "no_peer": f'Trust the unix socket: {Settings.TRUSTED_PROXIES.name} = ("unix:",).',
    }.get(reason, f'If it is a proxy of yours, write {Settings.TRUSTED_PROXIES.name} = ("{peer}",).')
    return Suspicion(reason, peer, count, message, hint)


def _of_address(history: History, address: str, count: int) -> Suspicion | None:
    share = f"{count} of {history.clients} events name {address}"
    hint = f'If it is a proxy of yours, write {Settings.TRUSTED_PROXIES.name} = ("{address}",).'
    if preset := _preset_of(address):
        hint = f'Write {Settings.TRUSTED_PROXIES.name} = ("{preset}",), or {preset} itself gets banned.'
        return Suspicion("proxy_range", address, count, f"{share}, an address of {preset}.", hint)
    if any(parsed in network for network in _PRIVATE for parsed in [parse_address(address)] if parsed):
        return Suspicion("private_address", address, count, f"{share}, a private address.", hint)
    if history.claimed[address] >= MOST * count:
        message = f"{share}, and its requests claim to be forwarded for others."
        return Suspicion("claims", address, count, message, hint)
    return None


def _preset_of(address: str) -> str | None:
    parsed = parse_address(address)
    published = [preset for preset in PRESETS.values() if preset.date is not None]
    for preset in published:
        if parsed and any(parsed in network for network in readable_networks(preset.networks)):
            return preset.name
    return None


def _of_addresses(history: History, *, tell: bool) -> Iterator[Finding]:
    found = suspicion_of(history)
    if found is None:
        return
    if tell:
        log_event(
            WRONG_ADDRESS_SUSPECTED,
            reason=found.reason,
            peer=None if parse_address(found.address) is None else found.address,
            count=found.count,
            detail=f"{found.message} {found.hint}",
        )
    yield error("history.address", found.message, found.hint)


def _of_clock(history: History, now: datetime) -> Iterator[Finding]:
    if history.newest is not None and history.newest > now + _FUTURE:
        hint = "Let the clocks of all machines that write the log be set by NTP."
        yield warning(
            "history.clock", f"The newest event is of {history.newest:%Y-%m-%d %H:%M} UTC, to come yet.", hint
        )


def _ago(now: datetime, history: History) -> str:
    minutes = int((now - (history.newest or now)).total_seconds() // 60)
    return f"the newest {max(0, minutes)} minutes old"


def _named(peer: str) -> str:
    return "a unix socket" if peer == UNKNOWN else peer
