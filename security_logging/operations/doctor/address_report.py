"""What the present proxy settings say about the client's address, shown for a few typical requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from security_logging.addresses.client_ip import FORWARDING_HEADERS, meta_key, resolve
from security_logging.addresses.parsing import parse_network
from security_logging.addresses.proxies import PRESETS, UNIX_SOCKET, trusted_proxies
from security_logging.conf import Settings, conf
from security_logging.operations.doctor.findings import Finding, error, ok, warning

CLIENT, VICTIM = "203.0.113.7", "198.51.100.1"  # RFC 5737: nobody's


@dataclass(frozen=True)
class Case:
    """A typical request: who stands at the other end of the connection, and what the headers claim."""

    title: str
    META: dict[str, object]

    @property
    def answer(self) -> str:
        """Return the address that the log would name, or "-" and why."""
        client = resolve(self)
        return f"- ({client.reason})" if client.address is None else str(client.address)


def of_addresses() -> Iterator[Finding]:
    """Show the cases, and find those in which a header that anybody can send decides."""
    forged = _direct(dict.fromkeys(FORWARDING_HEADERS, VICTIM))
    if forged.answer == VICTIM:
        yield _believed()
    for case in (_direct({}), forged, *_through_proxies(), *_typical()):
        yield ok("address", f"{case.title}: {case.answer}")
    yield from _unsaid()


def _believed() -> Finding:
    message = f"A forged header is believed: a client can have {VICTIM} banned in its place."
    if conf.CLIENT_IP_RESOLVER is not None:
        hint = "Let the function of SECURITY_LOGGING_CLIENT_IP_RESOLVER look at REMOTE_ADDR first, or make sure that no"
        return warning("address.forged", message, f"{hint} client can reach the site without your platform in front.")
    hint = f"List only proxies that you run in {Settings.TRUSTED_PROXIES.name}."
    return error("address.forged", message, hint)


def _unsaid() -> Iterator[Finding]:
    if conf.CLIENT_IP_RESOLVER is not None:
        return
    for case in _through_proxies():
        if case.answer != CLIENT:
            hint = f"Look at {Settings.CLIENT_IP_HEADER.name} and at the networks that are trusted."
            yield error("address.proxy", f"{case.title}: the answer should be {CLIENT} and is {case.answer}.", hint)


def _direct(headers: dict[str, object]) -> Case:
    title = f"{CLIENT} directly" + (f", its headers claiming {VICTIM}" if headers else "")
    return Case(title, {"REMOTE_ADDR": CLIENT, **headers})


def _through_proxies() -> list[Case]:
    """Return a case for each trusted proxy that has an address; presets are known by their first."""
    entries = conf.TRUSTED_PROXIES if isinstance(conf.TRUSTED_PROXIES, list | tuple) else ()
    return [_through(str(entry), peer) for entry in entries if (peer := first_address(str(entry))) is not None]


def _typical() -> list[Case]:
    """Return the cases of proxies that are often forgotten, as far as they are not trusted."""
    known = {str(case.META["REMOTE_ADDR"]) for case in _through_proxies()}
    peers = {"a proxy on this machine": "127.0.0.1", "a proxy in a private network": "10.0.0.5", UNIX_SOCKET: ""}
    return [_through(name, peer) for name, peer in peers.items() if peer not in known]


def _through(name: str, peer: str) -> Case:
    proxies = trusted_proxies(tuple(map(str, conf.TRUSTED_PROXIES)), None)
    header = conf.CLIENT_IP_HEADER or proxies.header
    # What the client forged stands left of what the proxy adds; other headers than X-Forwarded-For are replaced.
    value = f"{VICTIM}, {CLIENT}" if header.lower() == "x-forwarded-for" else CLIENT
    name = "a unix socket" if name == UNIX_SOCKET else name
    title = f"{CLIENT} through {name}" + (f" ({peer})" if peer and peer != name else "")
    return Case(title, {"REMOTE_ADDR": peer, meta_key(header): value})


def first_address(entry: str) -> str | None:
    """Return an address that an entry of TRUSTED_PROXIES trusts, "" for a unix socket, None for what is nothing."""
    if entry in PRESETS:
        return first_address(PRESETS[entry].networks[0])
    if entry == UNIX_SOCKET:
        return ""
    try:
        network = parse_network(entry)
    except ValueError:
        return None
    return str(network[1] if network.num_addresses > 1 else network[0])
