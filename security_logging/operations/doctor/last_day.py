"""The events of the last day: whether they name the clients or a proxy, and whether the clock is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from security_logging.addresses.chain import TRUSTED_PROXY
from security_logging.addresses.own import own_addresses
from security_logging.addresses.parsing import parse_address, readable_networks
from security_logging.addresses.proxies import PRESETS
from security_logging.checks.problem import Problem, error, note, ok, warning
from security_logging.conf import Settings
from security_logging.events.event import SecurityEvent
from security_logging.events.fields import UNKNOWN
from security_logging.events.types import WRONG_ADDRESS_SUSPECTED
from security_logging.logger import log_event
from security_logging.operations import reading
from security_logging.operations.doctor.fail2ban import unprotected

DAY = timedelta(days=1)
FEWEST = 20  # events of clients; fewer prove nothing
FEWEST_IN_FOLDER = 5  # events
MOST = 0.9  # the share of them with one address that is suspicious
CAPACITY = 50_000  # different addresses that are counted
_PRIVATE = readable_networks(("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
_FUTURE = timedelta(minutes=5)


@dataclass
class ClientCounts:
    """How many events of clients there are: by address, and where it is unknown by peer and by reason."""

    clients: int = 0
    claimed: Counter[str] = field(default_factory=Counter)
    addresses: Counter[str] = field(default_factory=Counter)
    peers: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)  # by address, of what Fail2ban counts
    found_in: Counter[str] = field(default_factory=Counter)  # by folder, with an address
    lost_in: Counter[str] = field(default_factory=Counter)  # by folder, where a trusted proxy named none
    newest: datetime | None = None
    capacity: int = CAPACITY

    def add(self, event: SecurityEvent) -> None:
        """Count the event."""
        self.newest = max(self.newest or event.time, event.time)
        if event.type.event_class not in ("auth", "probe"):
            return
        self.clients += 1
        if event.address == UNKNOWN:
            self._count(self.peers, str(event.fields.get("peer", UNKNOWN)))
            self._count(self.reasons, str(event.fields.get("ip_reason", UNKNOWN)))
            if event.fields.get("ip_reason") == TRUSTED_PROXY:
                self._count(self.lost_in, _folder(event))
        else:
            self._count(self.addresses, event.address)
            if event.type.counted_as:
                self._count(self.counted, event.address)
            self._count(self.found_in, _folder(event))
            if "claimed" in event.fields:
                self._count(self.claimed, event.address)

    def _count(self, counter: Counter[str], value: str) -> None:
        if value in counter or len(counter) < self.capacity:
            counter[value] += 1


@dataclass(frozen=True)
class Suspicion:
    """An address that probably belongs to a proxy: why, and what to do."""

    reason: str
    address: str
    count: int
    message: str
    fix: str


def check_last_day(path: Path, now: datetime | None = None, *, write: bool = True) -> Iterator[Problem]:
    """Check the events of the last day; `write` logs a suspicion as `wrong_address_suspected`."""
    present = now or datetime.now(timezone.utc)
    reader, counts = reading.Reader(), ClientCounts()
    for event in reader.events(reading.lines_of(path, since=present - DAY)):
        if event.time >= present - DAY:
            counts.add(event)
    if counts.newest is None:
        yield note("history.empty", f"{path} has no event of the last day.")
    else:
        clients = f"{counts.clients} events of clients in the last day, {_ago(counts, present)}"
        yield ok("history", f"{path}: {clients if counts.clients else 'no event of a client in the last day'}.")
        yield from _check_addresses(counts, write=write)
        yield from _check_own_addresses(counts)
        yield from _check_folders(counts)
        yield from _check_clock(counts, present)
    strange = reader.skipped - reader.foreign
    if strange:
        fix = "Give the handler one of our formatters, and let no other program write into the file."
        yield warning("history.strange", f"{path} has {strange} lines that none of our formatters wrote.", fix)


def suspicion_of(counts: ClientCounts) -> Suspicion | None:
    """Return the address that most events name and that is probably a proxy, None when there is none."""
    if counts.clients < FEWEST:
        return None
    peer, by_peer = (counts.peers.most_common(1) or [(UNKNOWN, 0)])[0]
    address, by_address = (counts.addresses.most_common(1) or [(UNKNOWN, 0)])[0]
    if by_peer >= MOST * counts.clients:
        return _of_peer(counts, peer, by_peer)
    if by_address >= MOST * counts.clients:
        return _of_address(counts, address, by_address)
    return None


def _of_peer(counts: ClientCounts, peer: str, count: int) -> Suspicion:
    reason = counts.reasons.most_common(1)[0][0]
    share = f"{count} of {counts.clients} events have no address"
    message = f"{share}, because they came through {_named(peer)} ({reason})."
    fix = {
        "trusted_proxy": f"Let {_named(peer)} send the header of {Settings.CLIENT_IP_HEADER.name}, by default "
        "X-Forwarded-For (nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;).",
        "no_peer": f'Trust the unix socket: {Settings.TRUSTED_PROXIES.name} = ("unix:",).',
    }.get(reason, f'If it is a proxy of yours, write {Settings.TRUSTED_PROXIES.name} = ("{peer}",).')
    return Suspicion(reason, peer, count, message, fix)


def _of_address(counts: ClientCounts, address: str, count: int) -> Suspicion | None:
    share = f"{count} of {counts.clients} events name {address}"
    fix = f'If it is a proxy of yours, write {Settings.TRUSTED_PROXIES.name} = ("{address}",).'
    if preset := _preset_of(address):
        fix = f'Write {Settings.TRUSTED_PROXIES.name} = ("{preset}",); otherwise {preset} itself can be banned.'
        return Suspicion("proxy_range", address, count, f"{share}, an address of {preset}.", fix)
    if any(parsed in network for network in _PRIVATE for parsed in [parse_address(address)] if parsed):
        return Suspicion("private_address", address, count, f"{share}, a private address.", fix)
    if counts.claimed[address] >= MOST * count:
        message = f"{share}, and its requests have forwarding headers for other addresses."
        return Suspicion("claims", address, count, message, fix)
    return None


def _preset_of(address: str) -> str | None:
    parsed = parse_address(address)
    published = [preset for preset in PRESETS.values() if preset.date is not None]
    for preset in published:
        if parsed and any(parsed in network for network in readable_networks(preset.networks)):
            return preset.name
    return None


def _check_addresses(counts: ClientCounts, *, write: bool) -> Iterator[Problem]:
    found = suspicion_of(counts)
    if found is None:
        return
    if write:
        log_event(
            WRONG_ADDRESS_SUSPECTED,
            reason=found.reason,
            peer=None if parse_address(found.address) is None else found.address,
            count=found.count,
            detail=f"{found.message} {found.fix}",
        )
    yield error("history.address", found.message, found.fix)


def _check_own_addresses(counts: ClientCounts) -> Iterator[Problem]:
    for address in unprotected(own_addresses()):
        if number := counts.counted[address]:
            message = f"{number} counted events of the last day name {address}, an address of yours or of this machine."
            fix = f"manage.py security_fail2ban install --never-ban {address}"
            yield warning("history.own_address", message, fix)


def _check_folders(counts: ClientCounts) -> Iterator[Problem]:
    """Look for folders of which no event has an address, beside others that have: nginx lacks the header there."""
    if sum(counts.found_in.values()) < FEWEST_IN_FOLDER:
        return
    for folder, number in counts.lost_in.most_common(3):
        if number >= FEWEST_IN_FOLDER and not counts.found_in[folder]:
            message = (
                f"All {number} events below {folder} have no address, because the proxy names no client there; "
                "elsewhere it does."
            )
            fix = "An nginx location with a proxy_set_header of its own inherits none: repeat X-Forwarded-For in it."
            yield warning("history.location", message, fix)


def _folder(event: SecurityEvent) -> str:
    """Return the first folder of the path, which the client wrote."""
    first, slash, _ = str(event.fields.get("path", "")).partition("?")[0].lstrip("/").partition("/")
    return f"/{first}{slash}"


def _check_clock(counts: ClientCounts, now: datetime) -> Iterator[Problem]:
    if counts.newest is not None and counts.newest > now + _FUTURE:
        message = f"The time of the newest event is in the future: {counts.newest:%Y-%m-%d %H:%M} UTC."
        yield warning("history.clock", message, "Set the clocks of all machines that write the log by NTP.")


def _ago(counts: ClientCounts, now: datetime) -> str:
    minutes = int((now - (counts.newest or now)).total_seconds() // 60)
    return f"the newest {max(0, minutes)} minutes old"


def _named(peer: str) -> str:
    return "a unix socket" if peer == UNKNOWN else peer
