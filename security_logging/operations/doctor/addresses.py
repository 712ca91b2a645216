"""The address that the log names for typical requests, with the present proxy settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from security_logging.addresses.claims import FORWARDING_HEADERS
from security_logging.addresses.client_ip import resolve
from security_logging.addresses.headers import meta_key, origin_secret_meta
from security_logging.addresses.parsing import parse_network
from security_logging.addresses.proxies import PRESETS, UNIX_SOCKET, trusted_proxies
from security_logging.checks.problem import Problem, error, ok, warning
from security_logging.conf import Settings, conf

CLIENT, VICTIM = "203.0.113.7", "198.51.100.1"  # RFC 5737: reserved for documentation


@dataclass(frozen=True)
class Case:
    """A typical request, by its META: the peer of the connection, and what the headers claim."""

    title: str
    META: dict[str, object]

    @property
    def environ(self) -> dict[str, object]:
        """Return what a WSGI server would make of the request."""
        return {"wsgi.version": (1, 0), **self.META}

    @property
    def address(self) -> str:
        """The address that the log would name; where it is unknown, "-" and the reason."""
        client = resolve(self)
        return f"- ({client.reason})" if client.address is None else str(client.address)


def check_addresses() -> Iterator[Problem]:
    """Show the address of each case, and check that a client cannot forge it with a header."""
    forged = _direct(dict.fromkeys(FORWARDING_HEADERS, VICTIM))
    if forged.address == VICTIM:
        yield _forged_header_is_believed()
    for case in (_direct({}), forged, *_through_proxies(), *_typical()):
        yield ok("address", f"{case.title}: {case.address}")
    yield from _wrong_addresses()


def _forged_header_is_believed() -> Problem:
    message = f"A forged header is believed, so a client can have {VICTIM} banned instead of itself."
    if conf.CLIENT_IP_RESOLVER is not None:
        fix = (
            "Let the function of SECURITY_LOGGING_CLIENT_IP_RESOLVER check REMOTE_ADDR first, or let no client reach "
            "the site except through your platform's proxy."
        )
        return warning("address.forged", message, fix)
    return error("address.forged", message, f"List only proxies that you run in {Settings.TRUSTED_PROXIES.name}.")


def _wrong_addresses() -> Iterator[Problem]:
    if conf.CLIENT_IP_RESOLVER is not None:
        return
    for case in _through_proxies():
        if case.address != CLIENT:
            message = f"{case.title}: the log names {case.address} and not {CLIENT}."
            fix = f"Check {Settings.CLIENT_IP_HEADER.name} and the networks in {Settings.TRUSTED_PROXIES.name}."
            yield error("address.proxy", message, fix)


def _direct(headers: dict[str, object]) -> Case:
    title = f"{CLIENT} directly" + (f", its headers claiming {VICTIM}" if headers else "")
    return Case(title, {"REMOTE_ADDR": CLIENT, **headers})


def _through_proxies() -> list[Case]:
    """Return a case for each trusted proxy that has an address; a preset is tried with its first."""
    entries = conf.TRUSTED_PROXIES if isinstance(conf.TRUSTED_PROXIES, list | tuple) else ()
    return [_through(str(entry), peer) for entry in entries if (peer := first_address(str(entry))) is not None]


def _typical() -> list[Case]:
    """Return the cases of proxies that are often forgotten, except those that are trusted."""
    known = {str(case.META["REMOTE_ADDR"]) for case in _through_proxies()}
    peers = {"a proxy on this machine": "127.0.0.1", "a proxy in a private network": "10.0.0.5", UNIX_SOCKET: ""}
    return [_through(name, peer) for name, peer in peers.items() if peer not in known]


def _through(name: str, peer: str) -> Case:
    proxies = trusted_proxies(tuple(map(str, conf.TRUSTED_PROXIES)), None)
    header = conf.CLIENT_IP_HEADER or proxies.header
    # A proxy appends to X-Forwarded-For, behind what the client forged; it replaces any other header.
    value = f"{VICTIM}, {CLIENT}" if header.lower() == "x-forwarded-for" else CLIENT
    name = "a unix socket" if name == UNIX_SOCKET else name
    title = f"{CLIENT} through {name}" + (f" ({peer})" if peer and peer != name else "")
    return Case(title, {"REMOTE_ADDR": peer, meta_key(header): value, **origin_secret_meta()})


def first_address(entry: str) -> str | None:
    """Return an address that an entry of TRUSTED_PROXIES trusts, "" for a unix socket, None for a wrong entry."""
    if entry in PRESETS:
        return first_address(PRESETS[entry].networks[0])
    if entry == UNIX_SOCKET:
        return ""
    try:
        network = parse_network(entry)
    except ValueError:
        return None
    return str(network[1] if network.num_addresses > 1 else network[0])
