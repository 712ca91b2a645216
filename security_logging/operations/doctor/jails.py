"""Fail2ban as it runs on this machine: the same look as `security_fail2ban check`, in the doctor's words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from security_logging.fail2ban.checking.check import check
from security_logging.fail2ban.checking.kinds import Problem
from security_logging.fail2ban.client import Client, ClientError
from security_logging.fail2ban.files.shipped import FILTER, JAIL_NAMES, JAILS
from security_logging.operations.doctor.findings import Finding, Level, ok, unknown, warning
from security_logging.operations.site import this_site

CONFIGURATION = Path("/etc/fail2ban")


def of_fail2ban() -> Iterator[Finding]:
    """Look at the installed files, the configuration, the running jails and the log that they read."""
    if CONFIGURATION.is_dir() and not any((CONFIGURATION / name).exists() for name in (FILTER, JAILS)):
        message = f"Nothing of ours is in {CONFIGURATION}: Fail2ban on this machine does not read the log."
        hint = "Run as root, here or where Fail2ban runs: manage.py security_fail2ban install"
        yield warning("fail2ban.not_installed", message, hint)
        return
    client = Client()
    found = [_as_finding(problem) for problem in check(client, CONFIGURATION, this_site())]
    yield from found
    try:
        for jail in client.jails():
            if jail in JAIL_NAMES:
                yield _of_jail(client, jail)
    except ClientError as problem:
        if not found:
            yield unknown("fail2ban", f"Fail2ban cannot be asked: {problem.reason}")


def _as_finding(problem: Problem) -> Finding:
    return Finding(problem.kind.id, Level(problem.kind.level), problem.message, problem.fix)


def _of_jail(client: Client, jail: str) -> Finding:
    found = client.status(jail)
    limit = client.run("get", jail, "maxretry").strip()
    read = ", ".join(found.files) or "the journal"
    return ok("jail", f"The jail {jail} reads {read}, bans after {limit} failures, {found.banned} banned now.")
