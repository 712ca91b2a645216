"""Check an installation in Fail2ban: the files, the configuration, the running server, and the log."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from security_logging.checks.problem import Problem
from security_logging.fail2ban.checking.files import of_files
from security_logging.fail2ban.checking.jails import logtype_of, of_jail
from security_logging.fail2ban.checking.logs import of_log
from security_logging.fail2ban.checking.problems import problem
from security_logging.fail2ban.checking.server import of_server
from security_logging.fail2ban.client import Client, ClientError, NotAllowedError, NotInstalledError
from security_logging.fail2ban.configuration import Configuration, Jail, default_ignored, parse, raw_value
from security_logging.fail2ban.files.plan import wanted_files
from security_logging.fail2ban.files.record import read_record
from security_logging.fail2ban.files.shipped import JAIL_NAMES, LOCKED_JAIL
from security_logging.fail2ban.site import Site

OLDEST = (0, 11, 2)


def check(client: Client, directory: Path, site: Site) -> Iterator[Problem]:
    """Yield the problems in the order in which to fix them; `directory` is Fail2ban's configuration."""
    if not directory.is_dir():
        yield problem("fail2ban.missing", reason=f"there is no {directory}")
        return
    record = read_record(directory)
    yield from of_files(directory, wanted_files(directory, site, record.choices if record else None), record)
    try:
        refusal = client.refusal()
    except NotInstalledError as error:
        yield problem("fail2ban.missing", reason=error.reason)
        return
    configuration = _configuration(client)
    here = replace(site, is_proxy_here=record is not None and record.choices.front == "nginx")
    yield from _of_configuration(directory, configuration, refusal, here)
    yield from _of_running(client, configuration)


def _configuration(client: Client) -> Configuration:
    try:
        return parse(client.run("-d"))
    except ClientError:
        return Configuration()  # Client.refusal() returns why


def refused(said: str) -> Problem:
    """Return the problem of a configuration that Fail2ban refuses with this output."""
    is_sshd = "log file for" in said and "sshd" in said  # Debian without rsyslog, as it is installed
    return problem("fail2ban.no_sshd_log" if is_sshd else "fail2ban.refuses", reason=ClientError(said).reason)


def _of_configuration(directory: Path, configuration: Configuration, refusal: str, site: Site) -> Iterator[Problem]:
    jails = {name: jail for name, jail in configuration.jails.items() if name in JAIL_NAMES}
    logs = [path for jail in jails.values() for path in jail.logs]
    missing = [path for name in JAIL_NAMES if (path := _missing_log(directory, name))]
    if refusal and not (missing and "not found any log file" in refusal):
        yield refused(refusal)
    if configuration.server.get("dbfile", "").lower() in ("none", ":memory:"):
        yield problem("fail2ban.no_database", value=configuration.server["dbfile"])
    if not jails and not refusal and not missing:
        yield problem("jail.none")
    if logs and not site.logs and "docker" not in map(logtype_of, jails.values()):
        yield problem("site.no_log", path=", ".join(dict.fromkeys(logs)))
    yield from _of_lockouts(jails, site)
    for path in dict.fromkeys([*logs, *missing]):
        yield from of_log(Path(path))
    for name, jail in jails.items():
        yield from of_jail(name, jail, site, default_ignored(directory).split())


def _of_lockouts(jails: Mapping[str, Jail], site: Site) -> Iterator[Problem]:
    """Yield the lock-outs that begin before django-auth has counted enough, while no jail counts what they refuse."""
    limit = jails["django-auth"].limit if "django-auth" in jails else ""
    for setting, checked in site.lockouts.items():
        if limit.isdigit() and checked < int(limit) and LOCKED_JAIL not in jails:
            yield problem("site.lockout", setting=setting, checked=checked, limit=limit)


def _missing_log(directory: Path, name: str) -> str:
    """Return the log of an enabled jail if it does not exist, else ""; Fail2ban itself names only the jail."""
    enabled = (raw_value(directory, name, "enabled") or "").lower() in ("true", "yes", "on", "1")
    backend = (raw_value(directory, name, "backend") or "").lower()
    path = raw_value(directory, name, "logpath") or ""
    if not enabled or backend == "systemd" or re.search(r"[*?\[\s%]", path):
        return ""
    return "" if Path(path).exists() else path


def _of_running(client: Client, configuration: Configuration) -> Iterator[Problem]:
    try:
        client.run("ping")
        yield from _of_version(client.run("version"))
        yield from of_server(client, configuration)
    except NotAllowedError as error:
        yield problem("fail2ban.not_allowed", reason=error.reason)
    except ClientError as error:
        stopped = "Is fail2ban running" in str(error)
        yield problem("fail2ban.stopped" if stopped else "fail2ban.silent", reason=error.reason)


def _of_version(said: str) -> Iterator[Problem]:
    version = said.strip()
    if tuple(map(int, re.findall(r"\d+", version)[:3])) < OLDEST:
        yield problem("fail2ban.old", version=version)
