"""What is wrong in the settings about networks that strangers share, and about the secret that keeps them out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.views.debug import get_default_exception_reporter_filter
from django.views.decorators.debug import sensitive_variables

from security_logging.addresses.headers import meta_key
from security_logging.addresses.parsing import (
    BANNABLE_WHEN_LISTED,
    NEVER_BANNABLE,
    Network,
    NetworkSet,
    network_set,
    readable_networks,
)
from security_logging.addresses.proxies import PRESETS, shared_networks, trusted_networks
from security_logging.checks.addresses import HEADER, WIDEST, network_problem, of_entries
from security_logging.checks.problem import Problem, error, warning
from security_logging.conf import Settings, conf

OWN = {4: 24, 6: 48}  # prefix lengths; the proxies of one site hardly need a larger public network
SHORTEST = 16  # characters of a secret, which anybody may guess at as fast as the site answers
_NOT_PUBLIC = network_set(tuple(text for text, _ in (*BANNABLE_WHEN_LISTED, *NEVER_BANNABLE)))


def problems() -> Iterator[Problem]:
    """Check the settings of this module."""
    shared = conf.SHARED_PROXIES
    found = shared_proxy_problems(shared)
    yield from found
    entries = () if found else tuple(map(str, shared))
    ranges_file = None if conf.PROXY_RANGES_FILE is None else str(conf.PROXY_RANGES_FILE)
    yield from wide_network_problems(conf.TRUSTED_PROXIES, entries, ranges_file)
    yield from lock_problems(conf.TRUSTED_PROXIES, entries, ranges_file, conf.ORIGIN_SECRET)
    yield from origin_secret_problems(conf.ORIGIN_SECRET)


def shared_proxy_problems(entries: object) -> list[Problem]:
    """Check SECURITY_LOGGING_SHARED_PROXIES."""
    name = Settings.SHARED_PROXIES.name
    if not isinstance(entries, (tuple, list)):
        return [error("E009", f"{name} is not a tuple or list: {entries!r}.", 'Write e.g. ("192.0.2.0/24",).')]
    return of_entries(name, entries, _shared_proxy_problem)


def wide_network_problems(entries: object, shared: Iterable[str], ranges_file: str | None) -> list[Problem]:
    """Warn of trusted public networks that are too wide for proxies of one's own and not known to be shared."""
    known = shared_networks(tuple(shared), ranges_file).networks

    def problem(place: str, entry: str) -> Problem | None:
        if not any(_is_wide(network) and not _lies_in(network, known) for network in _own_networks(entry)):
            return None
        fix = f"List it in {Settings.SHARED_PROXIES.name} if others can rent addresses in it, or list less of it."
        return warning("W004", f"{place} trusts a public network that is wide for one site: {entry!r}.", fix)

    return of_entries(Settings.TRUSTED_PROXIES.name, entries, problem) if isinstance(entries, (tuple, list)) else []


def lock_problems(entries: object, shared: Iterable[str], ranges_file: str | None, secret: object) -> list[Problem]:
    """Warn of trusted networks from which strangers can send requests too, unless a secret keeps them out."""
    known = shared_networks(tuple(shared), ranges_file).networks

    def problem(place: str, entry: str) -> Problem | None:
        if not any(_lies_in(network, known) for network in trusted_networks((entry,), ranges_file)):
            return None
        message = f"{place} trusts a network from which strangers can send requests in anybody's name: {entry!r}."
        fix = (
            f"Let your CDN add a secret header, and name it in {Settings.ORIGIN_SECRET.name}. If you have another lock "
            "of docs/proxies.md, silence this check."
        )
        return warning("W005", message, fix)

    if secret is not None or not isinstance(entries, (tuple, list)):
        return []
    return of_entries(Settings.TRUSTED_PROXIES.name, entries, problem)


@sensitive_variables("secret", "value")
def origin_secret_problems(secret: object) -> list[Problem]:
    """Check SECURITY_LOGGING_ORIGIN_SECRET; nothing of it is shown but the header's name."""
    if secret is None:
        return []
    name = Settings.ORIGIN_SECRET.name
    fix = 'Write e.g. ("X-Origin-Secret", os.environ["ORIGIN_SECRET"]).'
    if not isinstance(secret, (tuple, list)) or len(secret) != 2 or not all(isinstance(part, str) for part in secret):
        return [error("E010", f"{name} is not a pair of a header and its value (not shown).", fix)]
    header, value = secret
    if not HEADER.fullmatch(header):
        return [error("E010", f"{name} does not begin with the name of a header (not shown).", fix)]
    if len(value) < SHORTEST or not value.isascii() or not value.isprintable() or set(value) & {" ", ","}:
        fix = f"Take {SHORTEST} or more ASCII characters without blanks and commas, e.g. of: openssl rand -hex 32"
        return [error("E010", f"{name} has a value that a header cannot keep secret (not shown).", fix)]
    hidden = getattr(get_default_exception_reporter_filter(), "hidden_settings", None)
    if hidden is None or hidden.search(meta_key(header)):
        return []
    fix = "Give it a name that Django hides on debug pages and in error mails, e.g. X-Origin-Secret."
    return [warning("W006", f"{name} has a header that Django does not hide: {header!r}.", fix)]


def _shared_proxy_problem(place: str, entry: str) -> Problem | None:
    return None if entry in PRESETS else network_problem("E009", place, entry)


def _own_networks(entry: str) -> list[Network]:
    return [] if entry in PRESETS else readable_networks((entry,))


def _is_wide(network: Network) -> bool:
    is_public = network.network_address not in _NOT_PUBLIC
    return is_public and WIDEST[network.version] <= network.prefixlen < OWN[network.version]


def _lies_in(network: Network, known: NetworkSet) -> bool:
    return network.network_address in known and network.broadcast_address in known
