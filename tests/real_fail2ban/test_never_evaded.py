"""An attacker is banned although the log is rotated, Fail2ban restarted, or its clock in another zone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from fail2ban_server import (
    SHIPPED,
    SYSTEM_PYTHON,
    PrivateFail2ban,
    fail2ban_regex,
    fail2ban_root,
    run,
    short_directory,
    write_config,
)
from log_load import client, failed_login, rename, write_at_rate
from requires import require
from security_logging.events.ecs import render_json
from security_logging.events.event import SecurityEvent, make_event
from security_logging.events.line import render, render_message
from security_logging.events.types import LOGIN_FAILED
from security_logging.formatters.security import SecurityLineFormatter
from security_logging.handlers.file import SecurityFileHandler

pytestmark = pytest.mark.real_fail2ban

JAIL = """
[site]
enabled = true
filter = django-security
backend = {1}
maxretry = 4
findtime = 600
logpath = {0}
"""
ATTACKER = "203.0.113.7"


class Attack:
    """A log, the Fail2ban that reads it, and failed logins."""

    def __init__(self, directory: Path, backend: str = "polling", zone: str = "UTC", log: Path | None = None) -> None:
        """Write the configuration; nothing runs yet."""
        self.log = log or directory / "security.log"
        self.log.touch()
        write_config(directory, JAIL.format(self.log, backend))
        self.fail2ban = PrivateFail2ban(directory, environment={"TZ": zone})
        self.handler = SecurityFileHandler(self.log)
        self.handler.setFormatter(SecurityLineFormatter())

    def fail(self, times: int, address: str = ATTACKER) -> None:
        """Fail some logins; the handler of the product writes them."""
        for _ in range(times):
            self.handler.emit(failed_login(address))

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


def test_rotation_under_load(attack: Attack) -> None:
    """Among 500 other lines a second and three rotations, an attacker who fails every fifth of a second is banned."""

    def between(number: int) -> None:
        if number % 100 == 0:
            attack.fail(1)
        if number % 400 == 250:
            rename(attack.log)

    write_at_rate(attack.handler, 1200, 500, between)
    attack.wait_for_ban()
    assert attack.fail2ban.actions == [f"ban site {ATTACKER}"]


def test_over_long_values(attack: Attack) -> None:
    """Megabytes in every field do not push the address out of the line."""
    for _ in range(2):
        attack.handler.emit(failed_login(ATTACKER, user="u" * 10**6, path="/" * 10**6, agent='"\\' * 10**6))
    attack.wait_for_ban()
    assert attack.is_banned


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


@contextmanager
def small_disk(directory: Path) -> Iterator[Path]:
    """Mount a file system of 64 KB, for this machine and for the tested system."""
    mounted = [f"{directory}/disk"] + [f"{fail2ban_root()}{directory}/disk"] * (fail2ban_root() != "/")
    Path(mounted[0]).mkdir()
    mounts = [["mount", "-t", "tmpfs", "-o", "size=64k", "disk", mounted[0]], ["mount", "--bind", *mounted]]
    for words in mounts[: len(mounted)]:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=10)
        require(done.returncode == 0, f"needs root and the right to mount: {done.stderr}")
    try:
        yield Path(mounted[0])
    finally:
        for path in reversed(mounted):
            subprocess.run(["umount", path], check=True, timeout=10)


def test_full_disk(capfd: pytest.CaptureFixture[str]) -> None:
    """On a full disk lines go to standard error and name nobody; with room again each failure counts, the first too."""
    with short_directory() as directory, small_disk(directory) as disk:
        found = Attack(directory, log=disk / "security.log")
        with closing(found.handler), found.fail2ban:
            found.fail(1, client(999))
            found.wait_until_found(1)
            (disk / "ballast").write_bytes(b"x" * 60 * 1024)
            for number in range(200):
                found.fail(found.handler.failures < 3, client(number))
            (disk / "ballast").unlink()
            found.fail(4)
            found.wait_for_ban()
            assert (found.fail2ban.actions, found.handler.failures) == ([f"ban site {ATTACKER}"], 3)
    assert "lines follow here" in capfd.readouterr().err


# How each logtype carries the line of a failure.
CARRIERS: dict[str, Callable[[SecurityEvent], str]] = {
    "file": render,
    "json": render_json,
    "short": lambda event: f"Aug  1 14:00:00 web1 django-security[412]: {render_message(event)}",
    "docker": lambda event: json.dumps({"log": f"{render(event)}\n", "stream": "stderr"}, separators=(",", ":")),
}


@pytest.mark.parametrize("logtype", CARRIERS)
def test_line_cut_anywhere(logtype: str) -> None:
    """
    However short a line is cut, it counts for its own address or for nobody; with its address whole, it counts.

    In a container's log it has to be there to its end.
    """
    line = CARRIERS[logtype](make_event(LOGIN_FAILED, ip="203.0.113.70", net="203.0.113.70", user=" ip=198.51.100.1 "))
    whole = line.index("203.0.113.70") + len("203.0.113.70") + (2 if logtype == "json" else 1)
    if logtype == "docker":
        whole = len(line) - len("}")
    with short_directory() as directory:
        log, filter_file = directory / "security.log", directory / "django-security.conf"
        log.write_text("".join(f"{line[:length]}\n" for length in range(1, len(line) + 1)))
        filter_file.write_text((SHIPPED / "filter.d" / "django-security.conf").read_text())
        found = fail2ban_regex(log, filter_file, f"logtype={logtype}")
    assert found == ["203.0.113.70"] * (len(line) - whole + 1)


def at(time: datetime, address: str) -> str:
    """Return the line of a failure at that time."""
    values = {"ip": address, "net": address}
    return render(SecurityEvent(type=LOGIN_FAILED, time=time, pid=1, id="0" * 24, fields=values)) + "\n"
