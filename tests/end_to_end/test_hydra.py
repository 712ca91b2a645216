"""A brute-force tool that knows nothing of CSRF: each of its attempts is one counted line, and it is banned."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from attacked_site import VISITOR, counted, lines
from fail2ban_server import PrivateFail2ban, short_directory, write_config
from requires import require_fail2ban, require_program
from security_logging.events.line import parse

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PASSWORDS = [
    "password1",
    "hunter2",
    "letmein",
    "qwerty",
    "sunshine",
    "princess",
    "dragon",
    "monkey",
    "football",
    "shadow",
]
USERS = ["admin", "root"]
SECONDS = 120
JAIL = """\
[django-admin]
enabled = true
filter = django-security[mode=admin]
logpath = {0}
maxretry = 3
"""


@pytest.fixture
def attacked(live_server: LiveServer, log: Path, tmp_path: Path) -> Path:
    """Return the site's log after the attack."""
    attack(live_server.thread.port, tmp_path)
    return log


def attack(port: int, directory: Path) -> None:
    """Let hydra try twenty pairs at the admin login."""
    require_program("hydra", "hydra")
    require_fail2ban()
    users, passwords = directory / "users", directory / "passwords"
    users.write_text("\n".join(USERS) + "\n")
    passwords.write_text("\n".join(PASSWORDS) + "\n")
    # A login that works leads away from the form; hydra takes that for its sign of success.
    form = "/admin/login/:username=^USER^&password=^PASS^:S=302"
    words = ["-I", "-L", str(users), "-P", str(passwords), "-t", "4", "-s", str(port)]
    command = ["hydra", *words, "127.0.0.1", "http-post-form", form]
    subprocess.run(command, capture_output=True, timeout=SECONDS, check=True, cwd=directory)


def test_each_attempt_is_one_line(attacked: Path) -> None:
    """Twenty pairs are twenty lines, of the one kind that such a tool ever leaves."""
    assert lines(attacked) == ["login_failed csrf -"] * 20


def test_each_attempt_is_counted(attacked: Path) -> None:
    """The real Fail2ban counts each of them, at the admin too."""
    assert (counted(attacked, "normal"), counted(attacked, "admin")) == ([VISITOR] * 20, [VISITOR] * 20)


def test_names_are_known(attacked: Path) -> None:
    """Each line names the user whose password was guessed, although Django did not look at the form."""
    names = [parse(line).fields["user"] for line in attacked.read_text().splitlines()]
    assert sorted(names, key=str) == sorted(USERS * 10)


def test_no_password_is_logged(attacked: Path) -> None:
    """No password that was tried is in the log."""
    assert [word for word in PASSWORDS if word in attacked.read_text()] == []


def test_it_is_banned(live_server: LiveServer, log: Path, tmp_path: Path) -> None:
    """A Fail2ban that watches the site with the shipped filter bans the tool."""
    require_fail2ban()
    with short_directory() as directory:
        write_config(directory, JAIL.format(log))
        with PrivateFail2ban(directory) as server:
            attack(live_server.thread.port, tmp_path)
            server.wait_for(lambda: server.banned("django-admin") == {VISITOR}, "the ban")
