"""Fail2ban as it runs on this machine: the same look as `security_fail2ban check`, in the doctor's words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from security_logging.conf import conf
from security_logging.doctor.findings import Finding, Level, ok, unknown, warning
from security_logging.fail2ban.check import check
from security_logging.fail2ban.client import Client, ClientError
from security_logging.fail2ban.problems import Problem
from security_logging.fail2ban.shipped import FILTER, JAIL_NAMES, JAILS
from security_logging.fail2ban.site import Site
from security_logging.proxies import trusted_networks
from security_logging.request_checks import MIDDLEWARE
from security_logging.sinks import JSON, readable_files, sinks

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


def this_site() -> Site:
    """Return what the site's settings say."""
    trusted = conf.TRUSTED_PROXIES if isinstance(conf.TRUSTED_PROXIES, (list, tuple)) else ()
    forms = {sink.path: sink.format for sink in sinks()}
    module = sys.modules.get(str(getattr(settings, "SETTINGS_MODULE", "")))
    file = getattr(module, "__file__", None)
    return Site(
        logs={path: "json" if forms[path] == JSON else "file" for path in readable_files()},
        proxies=trusted_networks(tuple(map(str, trusted)), conf.PROXY_RANGES_FILE),
        settings_file=Path(file) if file else None,
        middleware=MIDDLEWARE in settings.MIDDLEWARE,
        has_logging=hasattr(module, "LOGGING"),
        knows_clients=bool(trusted) or conf.CLIENT_IP_RESOLVER is not None,
    )


def _as_finding(problem: Problem) -> Finding:
    return Finding(problem.kind.id, Level(problem.kind.level), problem.message, problem.fix)


def _of_jail(client: Client, jail: str) -> Finding:
    found = client.status(jail)
    limit = client.run("get", jail, "maxretry").strip()
    read = ", ".join(found.files) or "the journal"
    return ok("jail", f"The jail {jail} reads {read}, bans after {limit} failures, {found.banned} banned now.")
