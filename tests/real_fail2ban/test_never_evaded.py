"""An attacker is banned although the log is rotated, Fail2ban restarted, or its clock in another zone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from fail2ban_server import SYSTEM_PYTHON, PrivateFail2ban, run, short_directory, write_config
from requires import require
from security_logging.event_types import LOGIN_FAILED
from security_logging.events import SecurityEvent, make_event
from security_logging.formatters import SecurityLineFormatter
from security_logging.handlers import SecurityFileHandler
from security_logging.line_format import render

pytestmark = pytest.mark.real_fail2ban

JAIL = """
[site]
enabled = true
filter = django-security
backend = {1}
maxretry = 4
findtime = 600
logpath = {0}/security.log
"""
ATTACKER = "203.0.113.7"


class Attack:
    """A log, the Fail2ban that reads it, and failed logins."""

    def __init__(self, directory: Path, backend: str = "polling", zone: str = "UTC") -> None:
        """Write the configuration; nothing runs yet."""
        self.log = directory / "security.log"
        self.log.touch()
        write_config(directory, JAIL.format(directory, backend))
        self.fail2ban = PrivateFail2ban(directory, environment={"TZ": zone})
        self.handler = SecurityFileHandler(self.log)
        self.handler.setFormatter(SecurityLineFormatter())

    def fail(self, times: int, address: str = ATTACKER) -> None:
        """Fail some logins; the handler of the product writes them."""
        for _ in range(times):
            record = logging.LogRecord("security.auth", logging.WARNING, "", 0, "", None, None)
            record.security_event = make_event(LOGIN_FAILED, ip=address, net=address)
            self.handler.emit(record)

    def wait_until_found(self, number: int) -> None:
        """Wait until Fail2ban has counted so many failures."""
        self.fail2ban.wait_for(lambda: self.fail2ban.log.count("[site] Found ") >= number, f"{number} failures found")

    @property
    def is_banned(self) -> bool:
        """Whether the attacker is banned."""
        return f"ban site {ATTACKER}" in self.fail2ban.actions

    def wait_for_ban(self) -> None:
        """Wait until the attacker is banned."""
        self.fail2ban.wait_for(lambda: self.is_banned, "the ban")


@pytest.fixture(params=["polling", "pyinotify"])
def attack(request: pytest.FixtureRequest) -> Iterator[Attack]:
    """An attack that has begun, with two failures of the four; once for each way to watch a file."""
    if request.param == "pyinotify":
        present = run(SYSTEM_PYTHON, "-c", "import pyinotify", check=False).returncode == 0
        require(present, "python3-pyinotify is missing: apt-get install python3-pyinotify")
    with short_directory() as directory:
        found = Attack(directory, request.param)
        with closing(found.handler), found.fail2ban:
            found.fail(2)
            found.wait_until_found(2)
            yield found


def test_rotation(attack: Attack) -> None:
    """Failures before and after logrotate's renaming are counted together."""
    attack.log.rename(attack.log.with_suffix(".1"))
    attack.fail(2)
    attack.wait_for_ban()
    assert attack.fail2ban.log.count("[site] Found ") == 4


def test_deleted_log(attack: Attack) -> None:
    """A log that is deleted and made again by the next failure is read on."""
    attack.log.unlink()
    attack.fail(
        4
    )  # where the file system gives the new file the old one's number, Fail2ban skips as many as it had read
    attack.wait_for_ban()
    assert attack.is_banned


def test_restart(attack: Attack) -> None:
    """Failures while Fail2ban does not run count when it is back; it forgets those that it had counted before."""
    attack.fail2ban.stop()
    attack.fail(4)
    attack.fail2ban.start()
    attack.wait_for_ban()
    assert attack.is_banned


def test_line_cut_by_a_full_disk(attack: Attack) -> None:
    """A line that was cut in the middle costs at most that line, and names nobody else."""
    with attack.log.open("a") as log:
        log.write(render(make_event(LOGIN_FAILED, ip="203.0.113.70", net="203.0.113.70"))[:70])
        log.write("\n")
    attack.fail(2)
    attack.wait_for_ban()
    assert attack.fail2ban.actions == [f"ban site {ATTACKER}"]


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"])
def test_zone(zone: str) -> None:
    """In whatever zone Fail2ban runs: at its start failures of just now count, and those of an hour ago do not."""
    with short_directory() as directory:
        found = Attack(directory, zone=zone)
        old = datetime.now(timezone.utc) - timedelta(hours=1)
        lines = [at(old, "203.0.113.8")] * 4 + [at(datetime.now(timezone.utc), ATTACKER)] * 4
        found.log.write_text("".join(lines))
        with closing(found.handler), found.fail2ban:
            found.wait_for_ban()
            assert found.fail2ban.actions == [f"ban site {ATTACKER}"]


def at(time: datetime, address: str) -> str:
    """Return the line of a failure at that time."""
    values = {"ip": address, "net": address}
    return render(SecurityEvent(type=LOGIN_FAILED, time=time, pid=1, id="0" * 24, fields=values)) + "\n"
