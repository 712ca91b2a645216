"""Another spelling of the header, sent through the site: whether a client's words are taken for its proxy's."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from pathlib import Path
from ssl import CERT_NONE, create_default_context
from urllib.parse import urlsplit

from django.conf import settings

from security_logging.addresses.policy import forwarding_key
from security_logging.checks.problem import Problem, error, ok, unknown
from security_logging.events.event import SecurityEvent
from security_logging.handlers.sinks import readable_files
from security_logging.operations import reading

VICTIM = "198.51.100.1"  # RFC 5737: reserved for documentation
SECONDS = 5.0  # for the line to arrive
_TAIL = 262_144  # bytes of a busy log that are searched


def check_aliases(site: str) -> Iterator[Problem]:
    """
    Ask the site for a bait path, with an address under another spelling of the header, and read what is logged.

    The request says that another site's page made it, so that its line is of a kind that no jail counts. `site` is the
    address of the proxy, or of the server itself, on this machine.
    """
    path = next(readable_files(), None)
    if path is None or not path.exists():
        yield unknown("address.alias", "There is no log file to read, so the header's spellings could not be tried.")
        return
    name = forwarding_key().removeprefix("HTTP_")
    if "_" not in name:
        yield ok("address.alias", f"The header {name.title()} has no hyphen, and so no other spelling.")
        return
    token = secrets.token_hex(16)
    try:
        _ask(site, {name.title(): VICTIM, "Sec-Fetch-Site": "cross-site", "User-Agent": f"security_doctor {token}"})
    except (OSError, ValueError, HTTPException) as problem:
        yield unknown("address.alias", f"{site} could not be asked ({type(problem).__name__}).")
        return
    yield _judged(site, name.title(), _event_of(path, token))


def _judged(site: str, alias: str, event: SecurityEvent | None) -> Problem:
    if event is None:
        message = f"The request to {site} left no line, so nothing is known of other spellings of the header."
        return unknown("address.alias", message, "Is it this site, with the middleware, and without another 404 page?")
    if event.address == VICTIM:
        message = f"{site} takes {alias} for the proxy's header: a client can have {VICTIM} banned in its place."
        fix = "Let the proxy drop it, or the server run with ASGI: docs/proxies.md has the line for each."
        return error("address.alias", message, fix)
    return ok("address.alias", f"{site} does not take {alias} for the proxy's header.")


def _ask(site: str, headers: dict[str, str]) -> None:
    """Send the request; raises ValueError for an address that is not on this machine."""
    parts = urlsplit(site)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not (host == "localhost" or ip_address(host).is_loopback):
        raise ValueError(site)
    if parts.scheme == "https":
        context = create_default_context()
        # The certificate is of the site's name, and this is our own machine.
        context.check_hostname, context.verify_mode = False, CERT_NONE
        connection: HTTPConnection = HTTPSConnection(host, parts.port, timeout=10, context=context)
    else:
        connection = HTTPConnection(host, parts.port, timeout=10)
    try:
        connection.request("GET", "/.env", headers={**headers, "Host": _host()})
        connection.getresponse().read()
    finally:
        connection.close()


def _host() -> str:
    """Return a name that the site answers to."""
    named = [host for host in settings.ALLOWED_HOSTS if "*" not in host]
    first = named[0] if named else "localhost"
    return f"www{first}" if first.startswith(".") else first


def _event_of(path: Path, token: str) -> SecurityEvent | None:
    deadline = time.monotonic() + SECONDS
    while True:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            lines = file.read(_TAIL).decode("ascii", "backslashreplace").splitlines()
        for line in reversed(lines):
            if token in line:
                try:
                    return reading.parse(line)
                except ValueError:
                    return None
        if time.monotonic() > deadline:
            return None
        time.sleep(0.05)
