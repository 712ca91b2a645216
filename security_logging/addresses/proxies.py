"""Reverse proxies: the presets by name, and what the settings about them mean as networks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from security_logging.addresses.parsing import Network, NetworkSet, readable_networks
from security_logging.internal.errors import report_misuse

DEFAULT_HEADER = "X-Forwarded-For"
UNIX_SOCKET = "unix:"


@dataclass(frozen=True)
class Preset:
    """
    A proxy or platform that many sites run behind: an entry of data/proxy_presets.json.

    `header` None is X-Forwarded-For. `front` is the `--front` of `security_fail2ban install` that asks for this preset.
    `note` says what you accept by trusting it. `strangers` are those who can send from its networks too, `writes` is
    what they can write into the header, `lock` is what keeps them out; `read_at` are the pages that say so.

    A preset with a `date` is a shared network: strangers rent there. Its ranges were seen to hold on that day, and
    `refresh` is the command that prints them anew, in the form of SECURITY_LOGGING_PROXY_RANGES_FILE. `egress` are the
    addresses that it names as the client where the client is a stranger's program, and `program_header` is the header
    by which it marks a request of such a program.
    """

    name: str
    networks: tuple[str, ...]
    source: str
    note: str
    strangers: str
    writes: str
    lock: str
    read_at: tuple[str, ...]
    front: str | None = None
    header: str | None = None
    date: date | None = None
    refresh: str | None = None
    egress: tuple[str, ...] = ()
    program_header: str | None = None


def _presets() -> Iterator[Preset]:
    shipped: dict[str, dict[str, Any]] = json.loads(
        files("security_logging").joinpath("data/proxy_presets.json").read_text("ascii")
    )
    for name, entry in shipped.items():
        lists = {key: tuple(value) for key, value in entry.items() if isinstance(value, list)}
        seen = {"date": date.fromisoformat(entry["date"])} if "date" in entry else {}
        yield Preset(**{"name": name, **entry, **lists, **seen})


PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in _presets()}


@dataclass(frozen=True)
class TrustedProxies:
    """The trusted proxies: their networks, whether a unix socket counts, and the header they write."""

    networks: NetworkSet
    unix: bool
    header: str


@dataclass(frozen=True)
class SharedNetworks:
    """
    Networks in which strangers can rent an address and send requests from it.

    `egress` are the addresses that stand for strangers' programs, `programs` the networks that mark the requests of
    such programs, each after the header that does so.
    """

    networks: NetworkSet
    egress: NetworkSet
    programs: tuple[tuple[str, NetworkSet], ...]


@lru_cache(maxsize=32)
def trusted_proxies(entries: tuple[str, ...], ranges_file: str | None = None) -> TrustedProxies:
    """
    Return what SECURITY_LOGGING_TRUSTED_PROXIES means; wrong entries count for nothing, a system check names them.

    Computed once for each value of the settings, so a changed file of ranges needs a restart.
    """
    names = [entry for entry in entries if entry in PRESETS]
    networks = _entries_written_out(entries, ranges_file)
    headers = [header for name in names if (header := PRESETS[name].header)]
    return TrustedProxies(
        NetworkSet(readable_networks(networks)), UNIX_SOCKET in networks, (headers or [DEFAULT_HEADER])[0]
    )


@lru_cache(maxsize=32)
def shared_networks(entries: tuple[str, ...] = (), ranges_file: str | None = None) -> SharedNetworks:
    """
    Return the published ranges of every preset and what SECURITY_LOGGING_SHARED_PROXIES lists.

    The shipped ranges of a preset and those of the file both count: an address that strangers could rent last year is
    not proven to be yours.
    """
    ranges = {name: (*PRESETS[name].networks, *found) for name, found in _published(ranges_file).items()}
    programs = tuple(
        (header, NetworkSet(readable_networks(networks)))
        for name, networks in ranges.items()
        if (header := PRESETS[name].program_header)
    )
    egress = [text for name in ranges for text in PRESETS[name].egress]
    named = [text for entry in entries for text in (PRESETS[entry].networks if entry in PRESETS else (entry,))]
    networks = readable_networks([*named, *(text for found in ranges.values() for text in found)])
    return SharedNetworks(NetworkSet(networks), NetworkSet(readable_networks(egress)), programs)


def _published(ranges_file: str | None) -> dict[str, tuple[str, ...]]:
    """Return the names of the shared presets, with what the file adds to each."""
    added = published_ranges(ranges_file) if ranges_file else {}
    return {name: added.get(name, ()) for name, preset in PRESETS.items() if preset.date is not None}


def trusted_networks(entries: tuple[str, ...], ranges_file: str | None = None) -> list[Network]:
    """Return the networks that the entries name, the presets written out; wrong entries count for nothing."""
    return readable_networks(_entries_written_out(entries, ranges_file))


def _entries_written_out(entries: tuple[str, ...], ranges_file: str | None) -> list[str]:
    names = [entry for entry in entries if entry in PRESETS]
    networks = [entry for entry in entries if entry not in PRESETS]
    overrides = published_ranges(ranges_file) if ranges_file and names else {}
    for name in names:
        networks += overrides.get(name, PRESETS[name].networks)
    return networks


def published_ranges(path: str) -> dict[str, tuple[str, ...]]:
    """
    Return the ranges in a file of SECURITY_LOGGING_PROXY_RANGES_FILE by preset.

    A file that cannot be read overrides nothing: with no ranges at all the proxy itself would be banned.
    """
    try:
        return read_ranges(path)
    except (OSError, ValueError):
        report_misuse("proxy ranges", "SECURITY_LOGGING_PROXY_RANGES_FILE cannot be read, the shipped ranges are used")
        return {}


def read_ranges(path: str) -> dict[str, tuple[str, ...]]:
    """Read a file of ranges; raises OSError, or ValueError when it is not a JSON object of lists of texts."""
    content = json.loads(Path(path).read_text("utf-8"))
    if not isinstance(content, dict) or not all(isinstance(ranges, list) for ranges in content.values()):
        raise ValueError('not of the form {"cloudflare": ["198.51.100.0/24", ...]}')
    return {name: tuple(map(str, ranges)) for name, ranges in content.items()}
