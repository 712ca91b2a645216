"""The running server: whether it has loaded what is on disk, and whether its bans take effect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from security_logging.checks.problem import Problem
from security_logging.fail2ban.checking.logs import tail
from security_logging.fail2ban.checking.problems import problem
from security_logging.fail2ban.client import Client
from security_logging.fail2ban.configuration import Configuration, Jail, networks, parse
from security_logging.fail2ban.files.shipped import JAIL_NAMES

_TAIL = 262_144  # bytes of Fail2ban's own log
_STARTED = re.compile(r"Reload finished|Starting Fail2ban|Server ready|Exiting Fail2ban")
_FAILED = re.compile(
    r"(\S+ [^, ]+)\S* fail2ban\S*\s+\[\d+\]: ERROR\s+Failed to execute ban jail '([^']*)' action '([^']*)'"
)


def of_server(client: Client, configuration: Configuration) -> Iterator[Problem]:
    """Compare our running jails with the files, and look for failed bans in Fail2ban's log."""
    running = client.jails()
    for name in JAIL_NAMES:
        jail = configuration.jails.get(name)
        if jail and name not in running:
            yield problem("jail.not_loaded", jail=name)
        elif name in running:
            yield from _of_values(client, name, jail or Jail(""))
    log = configuration.server.get("logtarget", "")
    if log.startswith("/"):
        yield from _of_failed_bans(Path(log))


def _of_values(client: Client, name: str, jail: Jail) -> Iterator[Problem]:
    written = {
        "maxretry": jail.limit,
        "ignoreip": _networks(jail.ignored),
        "logpath": _sorted(jail.logs),
        "action": _sorted(jail.actions),
    }
    running = {
        "maxretry": client.run("get", name, "maxretry").strip(),
        "ignoreip": _networks(client.listed("get", name, "ignoreip")),
        "logpath": _sorted(client.listed("get", name, "logpath")) if jail.logs else "",
        "action": _actions(client, name),
    }
    for value, now in running.items():
        if now != written[value]:
            said = {"running": now or "nothing", "written": written[value] or "nothing"}
            yield problem("jail.outdated", jail=name, name=value, **said)
            return


def reload(client: Client) -> None:
    """
    Let the server load what is on disk, and restart our jails whose actions changed.

    Up to 1.1.1 at least, a reload removes the actions that are new in a jail, which then counts but does not ban.
    """
    client.run("reload")
    written = parse(client.run("-d")).jails
    for name in client.jails():
        if name in JAIL_NAMES and name in written and _actions(client, name) != _sorted(written[name].actions):
            client.run("restart", name)


def _actions(client: Client, name: str) -> str:
    said = client.run("get", name, "actions")
    return _sorted(re.findall(r"[^,\s]+", said.partition("\n")[2]))


def _sorted(texts: Iterable[str]) -> str:
    return " ".join(sorted(texts))


def _networks(texts: list[str]) -> str:
    return _sorted({str(network) for network in networks(texts)})


def _of_failed_bans(log: Path) -> Iterator[Problem]:
    failed: dict[str, re.Match[str]] = {}
    for line in tail(log, _TAIL):
        if _STARTED.search(line):
            failed.clear()
        elif found := _FAILED.match(line):
            failed[found[2]] = found
    for name, found in failed.items():
        if name in JAIL_NAMES:
            yield problem("action.fails", jail=name, time=found[1], action=found[3], log=log)
