"""Fail2ban as it runs on this machine: is our filter installed as it should be, and do our jails read our log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from security_logging.doctor.findings import Finding, error, ok, unknown, warning
from security_logging.fail2ban.client import Client, ClientError
from security_logging.fail2ban.render import render_filter
from security_logging.sinks import readable_files

CONFIGURATION = Path("/etc/fail2ban")
JAILS = ("django-auth", "django-admin", "django-probe")
_INSTALL = "Run manage.py security_fail2ban install."


def of_fail2ban() -> Iterator[Finding]:
    """Look at the installed filter and at the running jails."""
    yield from _of_filter(CONFIGURATION)
    asked = Client()
    try:
        running = [jail for jail in JAILS if jail in asked.jails()]
        for jail in running:
            yield from _of_jail(asked, jail)
    except ClientError as problem:
        hint = "Run this as root on the machine that runs Fail2ban."
        yield unknown("fail2ban", f"Fail2ban cannot be asked: {_last_words(problem)}", hint)
        return
    if not running:
        yield warning("jail.none", "Fail2ban runs, but none of our jails does: nobody gets banned.", _INSTALL)


def _of_filter(configuration: Path) -> Iterator[Finding]:
    path = configuration / "filter.d" / "django-security.conf"
    if not configuration.is_dir():
        return
    if not path.is_file():
        yield warning("filter.missing", f"{path} is not installed.", _INSTALL)
    elif path.read_text(encoding="utf-8", errors="replace") != render_filter():
        message = f"{path} is not the filter of this version and of this project's event types."
        yield error("filter.stale", message, f"{_INSTALL} Keep changes of your own in django-security.local.")
    else:
        yield ok("filter", f"{path} is the filter of this version.")


def _of_jail(client: Client, jail: str) -> Iterator[Finding]:
    found = client.status(jail)
    ours = [str(path) for path in readable_files()]
    if found.files and not set(found.files) & set(ours):
        message = f"The jail {jail} reads {', '.join(found.files)}, but the log is {', '.join(ours) or 'in no file'}."
        place = f"Write into jail.d/django-security.local, in [{jail}]: logpath ="
        hint = f"{place} {ours[0]}" if ours else 'Add the profile "file": build_logging("file", ...).'
        yield error("jail.logpath", message, hint)
        return
    limit = client.run("get", jail, "maxretry").strip()
    read = ", ".join(found.files) or "the journal"
    yield ok("jail", f"The jail {jail} reads {read}, bans after {limit} failures, {found.banned} banned now.")
    if client.run("get", jail, "actions").startswith("No actions"):
        message = f"The jail {jail} has no action: it counts and bans nobody."
        yield error("jail.no_action", message, "Remove the empty action from jail.d/django-security.local.")


def _last_words(problem: ClientError) -> str:
    """Return the last thing that Fail2ban said, without the date and the program in front of it."""
    lines = [line for line in str(problem).splitlines() if line.strip()]
    return re.sub(r"^.*\b(?:ERROR|CRITICAL)\s+", "", lines[-1] if lines else "no reason was given").strip().rstrip(".")
