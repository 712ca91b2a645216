"""Our jails as Fail2ban will run them: the log that they read, the addresses that they ignore, and their actions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from security_logging.addresses.parsing import Network, holds
from security_logging.checks.problem import Problem
from security_logging.events.line import IDENT
from security_logging.fail2ban.checking.actions import import_failure, named, of_actions
from security_logging.fail2ban.checking.logs import form_of
from security_logging.fail2ban.checking.problems import problem
from security_logging.fail2ban.checking.rsyslog import is_guarded
from security_logging.fail2ban.configuration import Jail, networks
from security_logging.fail2ban.site import Site

MODES = {"django-auth": "normal", "django-admin": "admin", "django-probe": "probe", "django-locked": "locked"}
_SHORTEST = 2  # bits of a prefix; a shorter one ignores half the Internet or all of it
_LOGTYPES = {'"@timestamp"': "json", '"log"': "docker", "LN-BEG": "short"}  # by a part of the datepattern
_SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's Fail2ban runs with it


def of_jail(name: str, jail: Jail, site: Site, default_ignored: Iterable[str]) -> Iterator[Problem]:
    """Check an enabled jail of ours."""
    if IDENT not in jail.failregex and '"event"' not in jail.failregex:
        yield problem("jail.filter", jail=name, mode=MODES[name])
    elif jail.backend == "systemd":
        yield from _of_journal(name)
    elif jail.logs:
        yield from _of_logs(name, jail, site)
    yield from _of_ignored(name, jail, site, default_ignored)
    yield from of_actions(name, jail, site)


def logtype_of(jail: Jail) -> str:
    """Return the form in which the jail reads its log."""
    return next((logtype for part, logtype in _LOGTYPES.items() if part in jail.datepattern), "file")


def _of_logs(name: str, jail: Jail, site: Site) -> Iterator[Problem]:
    logtype = logtype_of(jail)
    if logtype in ("file", "json") and not set(map(Path, jail.logs)) & set(site.logs) and site.logs:
        yield problem("jail.logpath", jail=name, read=", ".join(jail.logs), written=next(iter(site.logs)))
    for path in map(Path, jail.logs):
        if logtype == "short" and not is_guarded(path):
            yield problem("log.anyone", path=path)
        form = form_of(path)
        if form and form != logtype:
            yield problem("jail.format", jail=name, path=path, logtype=logtype, form=form)


def _of_journal(name: str) -> Iterator[Problem]:
    if reason := import_failure(_SYSTEM_PYTHON, "systemd.journal"):
        yield problem("jail.no_journal", jail=name, reason=reason)


def _of_ignored(name: str, jail: Jail, site: Site, default_ignored: Iterable[str]) -> Iterator[Problem]:
    ignored = networks(jail.ignored)
    proxies = [proxy for proxy in site.proxies if not proxy.is_loopback and not _is_within(proxy, ignored)]
    if proxies:
        yield problem("jail.proxy", jail=name, networks=named(proxies))
    wide = [network for network in ignored if network.prefixlen < _SHORTEST]
    if wide:
        yield problem("jail.ignores_all", jail=name, networks=named(wide))
    if jail.ignored:
        lacking = [each for each in networks(default_ignored) if not _is_within(each, ignored)]
        if lacking:
            yield problem("jail.ignores_less", jail=name, addresses=named(lacking))


def _is_within(network: Network, outer: Iterable[Network]) -> bool:
    return any(holds(each, network) for each in outer)
