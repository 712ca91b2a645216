"""What is wrong in the settings that decide the client's address."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from difflib import get_close_matches
from inspect import iscoroutinefunction
from ipaddress import ip_network

from django.utils.module_loading import import_string

from security_logging.addresses.parsing import BANNABLE_WHEN_LISTED, network_set, parse_network
from security_logging.addresses.proxies import PRESETS, UNIX_SOCKET, read_ranges
from security_logging.checks.problem import Problem, error, warning
from security_logging.conf import Settings, conf

MAX_AGE = timedelta(days=400)  # of published ranges, which change about once a year
# Prefix lengths. No fleet of proxies is larger, and a client in a trusted network can name any address.
WIDEST = {4: 8, 6: 16}

HEADER = re.compile(r"[A-Za-z0-9-]+")
_WORDS = (*PRESETS, UNIX_SOCKET)


def problems() -> Iterator[Problem]:
    """Check the settings of this module."""
    yield from trusted_proxy_problems(conf.TRUSTED_PROXIES)
    yield from preset_age_problems(conf.TRUSTED_PROXIES, datetime.now(timezone.utc).date(), conf.PROXY_RANGES_FILE)
    yield from header_problems(conf.CLIENT_IP_HEADER)
    yield from resolver_problems(conf.CLIENT_IP_RESOLVER)
    yield from bannable_network_problems(conf.BANNABLE_NETWORKS)
    yield from ranges_file_problems(conf.PROXY_RANGES_FILE)


def trusted_proxy_problems(entries: object) -> list[Problem]:
    """Check SECURITY_LOGGING_TRUSTED_PROXIES."""
    name = Settings.TRUSTED_PROXIES.name
    if not isinstance(entries, (tuple, list)):
        return [error("E001", f"{name} is not a tuple or list: {entries!r}.", 'Write e.g. ("nginx",).')]
    return of_entries(name, entries, _trusted_proxy_problem)


def bannable_network_problems(entries: object) -> list[Problem]:
    """Check SECURITY_LOGGING_BANNABLE_NETWORKS."""
    name = Settings.BANNABLE_NETWORKS.name
    if not isinstance(entries, (tuple, list)):
        return [error("E004", f"{name} is not a tuple or list: {entries!r}.", 'Write e.g. ("10.0.0.0/8",).')]
    return of_entries(name, entries, _bannable_network_problem)


def header_problems(value: object) -> list[Problem]:
    """Check SECURITY_LOGGING_CLIENT_IP_HEADER."""
    name, text = Settings.CLIENT_IP_HEADER.name, str(value)
    if value is None or (HEADER.fullmatch(text) and text.lower() != "forwarded"):
        return []
    dashed = re.sub("^HTTP_", "", text).replace("_", "-").title()
    if dashed == "Forwarded":
        fix = 'Write "X-Forwarded-For", and let the proxy send that header.'
        return [error("E002", f"{name} is RFC 7239's header, which is not supported: {value!r}.", fix)]
    known = dashed if HEADER.fullmatch(dashed) else "X-Forwarded-For"
    return [error("E002", f"{name} is not the name of a header: {value!r}.", f'Write "{known}".')]


def resolver_problems(value: object) -> list[Problem]:
    """Check SECURITY_LOGGING_CLIENT_IP_RESOLVER; a dotted path is imported."""
    name = Settings.CLIENT_IP_RESOLVER.name
    fix = 'Write the dotted path of a function that takes the request, e.g. "mysite.addresses.client_ip".'
    function = value
    if isinstance(value, str):
        try:
            function = import_string(value)
        except ImportError as problem:
            return [error("E003", f"{name} cannot be imported ({problem}): {value!r}.", fix)]
    if value is None or (callable(function) and not iscoroutinefunction(function)):
        return []
    return [error("E003", f"{name} is not a function, or it is an async one: {value!r}.", fix)]


def ranges_file_problems(path: object) -> list[Problem]:
    """Check SECURITY_LOGGING_PROXY_RANGES_FILE and every range in it."""
    if path is None:
        return []
    name = Settings.PROXY_RANGES_FILE.name
    try:
        ranges = read_ranges(str(path))
    except (OSError, ValueError) as problem:
        fix = f"Write the file again, e.g. with: {PRESETS['cloudflare'].refresh}"
        return [error("E005", f"{name} cannot be read ({problem}): {path!r}.", fix)]
    unknown = [
        error("E005", f"{name} has an entry that is not a preset: {preset!r}.", _did_you_mean(preset))
        for preset in ranges
        if preset not in PRESETS
    ]
    found = (network_problem("E005", f"{name} has an entry that", x) for entries in ranges.values() for x in entries)
    return [*unknown, *filter(None, found)]


def preset_age_problems(entries: object, today: date, ranges_file: object = None) -> list[Problem]:
    """Warn of trusted presets whose published ranges are old, unless the file of ranges replaces them."""
    if not isinstance(entries, (tuple, list)):
        return []
    replaced = {} if ranges_file is None or ranges_file_problems(ranges_file) else read_ranges(str(ranges_file))

    def too_old(place: str, entry: str) -> Problem | None:
        seen = PRESETS[entry].date if entry in PRESETS and entry not in replaced else None
        if seen is None or today - seen <= MAX_AGE:
            return None
        message = f"{place} is a preset whose addresses are those of {seen} and may have changed: {entry!r}."
        fix = f"Upgrade this package, or write {Settings.PROXY_RANGES_FILE.name} with: {PRESETS[entry].refresh}"
        return warning("W002", message, fix)

    return of_entries(Settings.TRUSTED_PROXIES.name, entries, too_old)


def of_entries(
    name: str, entries: tuple[object, ...] | list[object], check: Callable[[str, str], Problem | None]
) -> list[Problem]:
    """Check each entry of a setting; `check` gets its place, e.g. `SETTING[1]`, and the entry."""
    checked = (check(f"{name}[{index}]", str(entry)) for index, entry in enumerate(entries))
    return list(filter(None, checked))


def _trusted_proxy_problem(place: str, entry: str) -> Problem | None:
    if entry in _WORDS:
        return None
    if entry.startswith("unix") or not re.search("[0-9/:.]", entry):
        return error("E001", f"{place} is not a preset: {entry!r}.", _did_you_mean(entry))
    if problem := network_problem("E001", place, entry):
        return problem
    network = parse_network(entry)
    if network.prefixlen >= WIDEST[network.version]:
        return None
    fix = "List only the networks of the proxies that you run: a client in a trusted network can claim any address."
    return warning("W001", f"{place} trusts more addresses than any proxy needs: {entry!r}.", fix)


def _bannable_network_problem(place: str, entry: str) -> Problem | None:
    if problem := network_problem("E004", place, entry):
        return problem
    network, private = parse_network(entry), tuple(text for text, _ in BANNABLE_WHEN_LISTED)
    if network.network_address in network_set(private) and network.broadcast_address in network_set(private):
        return None
    fix = f"List only {', '.join(private)} or parts of them; the setting has no effect on other networks."
    return warning("W003", f"{place} is not a private network: {entry!r}.", fix)


def network_problem(problem_id: str, subject: str, entry: str) -> Problem | None:
    """Return the error of an entry that is not a network; `subject` begins the message."""
    try:
        parse_network(entry)
    except ValueError:
        return error(problem_id, f"{subject} is not a CIDR range: {entry!r}.", _network_fix(entry))
    return None


def _network_fix(entry: str) -> str:
    try:
        # Bits of a host behind the prefix, or a mask in place of its length.
        meant = parse_network(str(ip_network(entry, strict=False)))
    except ValueError:
        return 'Write e.g. "10.0.0.0/8" or "10.0.0.7"; host names are not looked up.'
    return f'Write "{meant}", or a single address without "/".'


def _did_you_mean(entry: str) -> str:
    close = [UNIX_SOCKET] if entry.startswith("unix") else get_close_matches(entry, _WORDS, n=1)
    return f'Did you mean "{close[0]}"?' if close else f"The presets are {', '.join(PRESETS)}."
