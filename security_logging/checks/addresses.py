"""What is wrong in the settings that decide the client's address, as data for the system checks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from difflib import get_close_matches
from inspect import iscoroutinefunction
from ipaddress import ip_network

from django.utils.module_loading import import_string

from security_logging.addresses.parsing import BANNABLE_WHEN_LISTED, network_set, parse_network
from security_logging.addresses.proxies import PRESETS, UNIX_SOCKET, read_ranges
from security_logging.checks.problem import Problem

MAX_AGE = timedelta(days=400)  # of published ranges, which change about once a year
WIDEST = {4: 8, 6: 16}  # prefix lengths; no proxy fleet is larger, and every stranger in it could name any address

_HEADER = re.compile(r"[A-Za-z0-9-]+")
_WORDS = (*PRESETS, UNIX_SOCKET)


def trusted_proxy_problems(entries: object) -> list[Problem]:
    """Check SECURITY_LOGGING_TRUSTED_PROXIES."""
    return _list_problems(entries, _trusted_proxy_problem, '("nginx",)')


def bannable_network_problems(entries: object) -> list[Problem]:
    """Check SECURITY_LOGGING_BANNABLE_NETWORKS."""
    return _list_problems(entries, _bannable_network_problem, '("10.0.0.0/8",)')


def header_problems(name: object) -> list[Problem]:
    """Check SECURITY_LOGGING_CLIENT_IP_HEADER."""
    text = str(name)
    if name is None or (_HEADER.fullmatch(text) and text.lower() != "forwarded"):
        return []
    dashed = re.sub("^HTTP_", "", text).replace("_", "-").title()
    if dashed == "Forwarded":
        hint = 'Write "X-Forwarded-For" and let the proxy send that.'
        return [Problem("is RFC 7239's header, which is not supported", repr(name), hint)]
    known = dashed if _HEADER.fullmatch(dashed) else "X-Forwarded-For"
    return [Problem("is not the name of a header", repr(name), f'Write "{known}".')]


def resolver_problems(value: object) -> list[Problem]:
    """Check SECURITY_LOGGING_CLIENT_IP_RESOLVER; imports it when it is a dotted path."""
    hint = 'Write the dotted path of a function of the request, e.g. "mysite.addresses.client_ip".'
    function = value
    if isinstance(value, str):
        try:
            function = import_string(value)
        except ImportError as error:
            return [Problem(f"cannot be imported ({error})", repr(value), hint)]
    if value is None or (callable(function) and not iscoroutinefunction(function)):
        return []
    return [Problem("is not a function, or an async one", repr(value), hint)]


def ranges_file_problems(path: object) -> list[Problem]:
    """Check SECURITY_LOGGING_PROXY_RANGES_FILE and every range in it."""
    if path is None:
        return []
    try:
        ranges = read_ranges(str(path))
    except (OSError, ValueError) as error:
        hint = f"Make the file anew, e.g. with: {PRESETS['cloudflare'].refresh}"
        return [Problem(f"cannot be read ({error})", repr(path), hint)]
    unknown = [
        Problem("names an unknown preset", repr(name), _did_you_mean(name)) for name in ranges if name not in PRESETS
    ]
    unreadable = [_network_problem(entry) for entries in ranges.values() for entry in entries]
    return [*unknown, *(replace(problem, message=f"holds what {problem.message}") for problem in unreadable if problem)]


def preset_age_problems(entries: object, today: date, ranges_file: object = None) -> list[Problem]:
    """Warn of trusted presets whose published ranges are old; those that a file replaces are the project's matter."""
    replaced = {} if ranges_file is None or ranges_file_problems(ranges_file) else read_ranges(str(ranges_file))

    def too_old(entry: str) -> Problem | None:
        seen = PRESETS[entry].date if entry in PRESETS and entry not in replaced else None
        if seen is None or today - seen <= MAX_AGE:
            return None
        hint = f"Upgrade this package, or put into SECURITY_LOGGING_PROXY_RANGES_FILE: {PRESETS[entry].refresh}"
        return Problem(f"has ranges of {seen}, and others since perhaps", repr(entry), hint, is_error=False)

    return _list_problems(entries, too_old, "") if isinstance(entries, (tuple, list)) else []


def _list_problems(entries: object, check: Callable[[str], Problem | None], example: str) -> list[Problem]:
    if not isinstance(entries, (tuple, list)):
        return [Problem("is not a tuple or list", repr(entries), f"Write e.g. {example}.")]
    checked = ((index, check(str(entry))) for index, entry in enumerate(entries))
    return [replace(problem, index=index) for index, problem in checked if problem]


def _trusted_proxy_problem(entry: str) -> Problem | None:
    if entry in _WORDS:
        return None
    if entry.startswith("unix") or not re.search("[0-9/:.]", entry):
        return Problem("is not a preset", repr(entry), _did_you_mean(entry))
    if problem := _network_problem(entry):
        return problem
    network = parse_network(entry)
    if network.prefixlen >= WIDEST[network.version]:
        return None
    hint = "List only the networks of the proxies that you run: whoever sends from one can name any address."
    return Problem("trusts more than any proxy needs", repr(entry), hint, is_error=False)


def _bannable_network_problem(entry: str) -> Problem | None:
    if problem := _network_problem(entry):
        return problem
    network, private = parse_network(entry), tuple(text for text, _ in BANNABLE_WHEN_LISTED)
    if network.network_address in network_set(private) and network.broadcast_address in network_set(private):
        return None
    hint = f"List only (parts of) {', '.join(private)}; the setting has no say in other networks."
    return Problem("is not a private network", repr(entry), hint, is_error=False)


def _network_problem(entry: str) -> Problem | None:
    try:
        parse_network(entry)
    except ValueError:
        return Problem("is not a CIDR range", repr(entry), _network_hint(entry))
    return None


def _network_hint(entry: str) -> str:
    try:
        # Bits of a host behind the prefix, or a mask in place of its length.
        meant = parse_network(str(ip_network(entry, strict=False)))
    except ValueError:
        return 'Write e.g. "10.0.0.0/8" or "10.0.0.7"; names of hosts are not looked up.'
    return f'Write "{meant}", or a single address without "/".'


def _did_you_mean(entry: str) -> str:
    close = [UNIX_SOCKET] if entry.startswith("unix") else get_close_matches(entry, _WORDS, n=1)
    return f'Did you mean "{close[0]}"?' if close else f"The presets are {', '.join(PRESETS)}."
