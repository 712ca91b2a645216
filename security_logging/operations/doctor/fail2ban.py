"""Fail2ban as it runs on this machine: what `security_fail2ban check` finds, and what each jail does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from security_logging.addresses.own import own_addresses
from security_logging.addresses.parsing import Address, network_set, readable_networks
from security_logging.checks.problem import Problem, ok, unknown, warning
from security_logging.fail2ban.checking.check import check
from security_logging.fail2ban.client import Client, ClientError
from security_logging.fail2ban.files.record import read_record
from security_logging.fail2ban.files.shipped import FILTER, JAIL_NAMES, JAILS
from security_logging.operations.site import this_site

CONFIGURATION = Path("/etc/fail2ban")


def check_fail2ban() -> Iterator[Problem]:
    """Check the installed files, the configuration, the running jails and the log that they read."""
    if CONFIGURATION.is_dir() and not any((CONFIGURATION / name).exists() for name in (FILTER, JAILS)):
        message = f"Our files are not in {CONFIGURATION}, so Fail2ban on this machine does not read the log."
        fix = "Run as root, here or where Fail2ban runs: manage.py security_fail2ban install"
        yield warning("fail2ban.not_installed", message, fix)
        return
    client = Client()
    found = list(check(client, CONFIGURATION, this_site()))
    yield from found
    try:
        for jail in client.jails():
            if jail in JAIL_NAMES:
                yield from _jail(client, jail)
    except ClientError as error:
        if not found:
            yield unknown("fail2ban", f"Fail2ban cannot be asked: {error.reason}.")


def unprotected(addresses: Iterable[Address]) -> list[str]:
    """Return the addresses that are not in the installation's ignoreip; all, if it cannot be read."""
    record = read_record(CONFIGURATION)
    known = network_set(tuple(record.choices.never_banned) if record else ())
    return [str(address) for address in addresses if address not in known]


def _jail(client: Client, jail: str) -> Iterator[Problem]:
    found = client.status(jail)
    limit = client.run("get", jail, "maxretry").strip()
    read = ", ".join(found.files) or "the journal"
    yield ok("jail", f"The jail {jail} reads {read}, bans after {limit} failures, {found.banned} banned now.")
    own = own_addresses()
    for banned in readable_networks(found.addresses):
        for address in own:
            if address in banned:
                message = f"The jail {jail} has banned {banned}, an address of yours or of this machine."
                fix = f"manage.py security_fail2ban unban {address}; then install with --never-ban {address}"
                yield warning("fail2ban.own_address", message, fix)
