"""A real journal, written as journald writes it, and read by Fail2ban's systemd backend."""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import documented
from fail2ban_server import SHIPPED, SYSTEM_PYTHON, PrivateFail2ban, run, short_directory, write_config
from hostile_text import VICTIM
from journal_files import Journal, entry, forged, require_journal
from log_records import event_record
from random_events import as_network, expected, random_record
from requires import require
from security_logging.events.event import make_event
from security_logging.events.types import LOGIN_FAILED

pytestmark = pytest.mark.real_fail2ban

JAIL = """
[site]
enabled = true
filter = django-security
backend = systemd[journalfiles="{0}/site.journal"]
journalmatch = {1}
maxretry = 3
findtime = 600
"""
ATTACKER = "203.0.113.7"
MATCH = re.findall("journalmatch = (.*)", documented.under("proxies.md", "journald", "ini"))[0]
FORGED_MESSAGE = f'login_failed ip={VICTIM} net={VICTIM} surface=admin reason=bad_credentials user="\n'.encode()
# What other programs of the machine may send, and why it is nobody's failure.
FORGERIES = {
    "another identifier": b"SYSLOG_IDENTIFIER=other\nMESSAGE=" + FORGED_MESSAGE,
    "another identifier with ours in the message": b"SYSLOG_IDENTIFIER=other\nMESSAGE=django-security[412]: "
    + FORGED_MESSAGE,
    "an identifier that begins like ours": b"SYSLOG_IDENTIFIER=django-security2\nMESSAGE=" + FORGED_MESSAGE,
    "our words in another field": b"SYSLOG_IDENTIFIER=other\nDJANGO_IP=198.51.100.1\nDJANGO_EVENT_ACTION=login_failed"
    b"\nMESSAGE=hello\n",
}


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory for a journal and for a Fail2ban that can read it."""
    require_journal()
    present = run(SYSTEM_PYTHON, "-c", "import systemd.journal", check=False).returncode == 0
    require(present, "python3-systemd is missing: apt-get install python3-systemd")
    with short_directory() as found:
        yield found


def login_failed(address: str) -> logging.LogRecord:
    """Return the record of a failed login."""
    return event_record(make_event(LOGIN_FAILED, ip=address, net=address, user="alice"))


def counted(journal: Path, options: str = "") -> list[str]:
    """Return what the real filter counts in the journal, in order, with its own journalmatch."""
    filter_words = f"{SHIPPED_COPY.format(journal.parent)}[logtype=journal{options}]"
    words = ("-o", "id", f"systemd-journal[journalfiles={journal}]", filter_words)
    return run("fail2ban-regex", *words).stdout.splitlines()


SHIPPED_COPY = "{0}/django-security.conf"


def write(directory: Path, entries: list[bytes]) -> Path:
    """Write a journal of these entries, with the filter beside it."""
    (directory / "django-security.conf").write_text((SHIPPED / "filter.d" / "django-security.conf").read_text())
    with Journal(directory / "site.journal") as journal:
        journal.add(entries)
    return journal.path


@pytest.mark.parametrize(("mode", "key"), [("normal", "ip"), ("admin", "net"), ("aggressive", "ip")])
def test_hostile_records(directory: Path, mode: str, key: str) -> None:
    """Of records with hostile text in every field exactly the true addresses are counted, in their order."""
    source = random.Random(20261121)
    records = [random_record(source) for _ in range(1000)]
    journal = write(directory, [entry(record) for record, _ in records])
    true = [address for _, event in records if (address := expected(event, mode, key))]
    found = counted(journal, f", mode={mode}, key={key}")
    assert [as_network(address) for address in found] == [as_network(address) for address in true]


@pytest.mark.parametrize("name", FORGERIES)
def test_other_programs(directory: Path, name: str) -> None:
    """What another program writes is not counted, whatever it looks like."""
    journal = write(directory, [forged(FORGERIES[name]), entry(login_failed(ATTACKER))])
    assert counted(journal) == [ATTACKER]


def test_jail(directory: Path) -> None:
    """A jail with the systemd backend bans who fails, before and after it starts, and not whom another unit names."""
    write_config(directory, JAIL.format(directory, MATCH))
    lies = [
        entry(login_failed(VICTIM), unit="other.service"),
        forged(b"SYSLOG_IDENTIFIER=django-security\nSYSLOG_IDENTIFIER=django-security\nMESSAGE=" + FORGED_MESSAGE),
    ]  # Fail2ban's backend stumbles over a field that stands there twice, if it gets to see it
    with Journal(directory / "site.journal") as journal:
        journal.add([entry(login_failed("203.0.113.8"), seconds_ago=3600)] * 4)
        journal.add([*lies, entry(login_failed(ATTACKER), seconds_ago=5)])
        with PrivateFail2ban(directory) as fail2ban:
            fail2ban.wait_for(lambda: "[site] Found " in fail2ban.log, "the failure before the start")
            journal.add([*lies * 3, entry(login_failed(ATTACKER)), entry(login_failed(ATTACKER))])
            fail2ban.wait_for(lambda: fail2ban.actions, "the ban")
            assert fail2ban.actions == [f"ban site {ATTACKER}"]
