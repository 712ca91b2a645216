"""`manage.py security_fail2ban` with the distribution's own configuration and the real Fail2ban."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from fail2ban_server import PrivateFail2ban, command, copy_stock_config, short_directory
from security_logging.events.event import make_event
from security_logging.events.line import parse, render
from security_logging.events.types import LOGIN_FAILED

pytestmark = pytest.mark.real_fail2ban

SSHD = """\
[DEFAULT]
banaction = tofile
banaction_allports = tofile
[sshd]
enabled = true
backend = polling
logpath = {0}/auth.log
"""
RUNNING = {"django-admin", "django-auth", "django-probe", "sshd"}


class Installation:
    """A private copy of the distribution's configuration, and the command that works on it."""

    def __init__(self, directory: Path) -> None:
        """Copy the configuration; nothing of ours is in it."""
        copy_stock_config(directory, SSHD.format(directory))
        (directory / "auth.log").touch()
        self.directory = directory
        self.log = directory / "log" / "security.log"
        self.fail2ban = PrivateFail2ban(directory)

    def manage(self, *words: str) -> str:
        """Run the command and return what it prints."""
        paths = ("-c", self.directory, "-s", f"{self.directory}/f2b.sock", "-p", f"{self.directory}/f2b.pid")
        client = shlex.join(command("fail2ban-client", *map(str, paths)))
        out = io.StringIO()
        call_command("security_fail2ban", "--config", str(self.directory), "--client", client, *words, stdout=out)
        return out.getvalue()

    def install(self, *words: str) -> str:
        """Install our files."""
        return self.manage("install", "--log", str(self.log), *words)

    @property
    def jails(self) -> set[str]:
        """The jails that run."""
        return set(self.fail2ban.client("status").rpartition("Jail list:")[2].replace(",", " ").split())

    @property
    def files(self) -> dict[str, str]:
        """The configuration."""
        kinds = ("filter.d", "jail.d", "action.d")
        return {
            str(path): path.read_text()
            for kind in kinds
            for path in (self.directory / kind).glob("*.*")
            if path.is_file()
        }


@pytest.fixture
def place() -> Iterator[Installation]:
    """An installation, its server stopped at the end."""
    with short_directory() as directory:
        found = Installation(directory)
        try:
            yield found
        finally:
            found.fail2ban.stop()


def test_install_into_a_running_server(place: Installation) -> None:
    """After `install` the jails run, and a failed login is found."""
    place.fail2ban.start()
    printed = place.install()
    with place.log.open("a") as log:
        log.writelines(render(make_event(LOGIN_FAILED, ip="203.0.113.7", net="203.0.113.7")) + "\n" for _ in range(5))
    place.fail2ban.wait_for(lambda: "ban django-auth 203.0.113.7" in place.fail2ban.actions, "the ban")
    place.fail2ban.wait_for(lambda: place.log.read_text().count("\n") == 6, "the report")
    last = parse(place.log.read_text().splitlines()[-1])
    assert (place.jails, last.type.name, "Fail2ban has loaded them." in printed) == (RUNNING, "banned", True)


def test_install_before_the_start(place: Installation) -> None:
    """Fail2ban starts with our jails after an `install` while it did not run."""
    printed = place.install()
    place.fail2ban.start()
    assert (place.jails, "does not run" in printed) == (RUNNING, True)


def test_install_twice(place: Installation) -> None:
    """A second `install` has nothing to write, and a .local file is left alone."""
    place.install()
    local = place.directory / "jail.d" / "django-security.local"
    local.write_text("[django-auth]\nmaxretry = 9\n")
    printed = place.install()
    assert ("0 files written" in printed, "maxretry = 9" in local.read_text()) == (True, True)


def hinder(directory: Path, hindrance: str) -> None:
    """Make an `install` impossible."""
    if hindrance == "the configuration is broken before":
        (directory / "jail.d" / "broken.local").write_text("[nonsense\n")
    elif hindrance == "a .local file breaks the filter":
        (directory / "filter.d" / "django-security.local").write_text("[Definition]\n[x")
    elif hindrance == "a file cannot be written":
        (directory / "filter.d" / "django-security.conf").mkdir()
    else:
        local = "[django-auth]\nlogpath = /nowhere/security.log\nskip_if_nologs = false\n"
        (directory / "jail.d" / "django-security.local").write_text(local)


@pytest.mark.parametrize(
    "hindrance",
    [
        "the configuration is broken before",
        "a .local file breaks the filter",
        "a file cannot be written",
        "a .local file names a log that is not there",
    ],
)
def test_install_that_fails(place: Installation, hindrance: str) -> None:
    """An `install` that fails leaves every file as it was, and a Fail2ban that runs and starts with its sshd jail."""
    place.fail2ban.start()
    hinder(place.directory, hindrance)
    before = place.files
    with pytest.raises(CommandError):
        place.install()
    after, running = place.files, place.jails
    (place.directory / "jail.d" / "broken.local").unlink(missing_ok=True)
    place.fail2ban.stop()
    place.fail2ban.start()
    assert (after, running, place.jails) == (before, {"sshd"}, {"sshd"})


def test_update(place: Installation) -> None:
    """An `install` over old files replaces them."""
    place.install()
    path = place.directory / "filter.d" / "django-security.conf"
    path.write_text(path.read_text().replace("login_failed|", ""))
    place.install()
    assert "login_failed|" in path.read_text()


def test_status_and_unban(place: Installation) -> None:
    """`status` shows the bans, and `unban` lifts them."""
    place.fail2ban.start()
    place.install()
    place.fail2ban.ban("django-auth", "203.0.113.7")
    (auth,) = [jail for jail in json.loads(place.manage("status", "--json")) if jail["name"] == "django-auth"]
    table = place.manage("status")
    lifted = place.manage("unban", "203.0.113.7")
    assert (auth["addresses"], auth["banned"], auth["files"]) == (["203.0.113.7"], 1, [str(place.log)])
    assert "203.0.113.7" in table
    assert lifted == "203.0.113.7 was lifted in django-auth.\n"
    assert place.fail2ban.banned("django-auth") == set()


def test_nothing_runs(place: Installation) -> None:
    """`status` names the jails that do not run, and `unban` says when there is nothing to lift."""
    place.fail2ban.start()
    table = place.manage("status")
    with pytest.raises(CommandError, match=r"203\.0\.113\.7 is banned in no jail"):
        place.manage("unban", "203.0.113.7")
    assert (table.count("not running"), table.count("off: security_fail2ban install --locked")) == (3, 1)


@pytest.mark.parametrize("words", [("status",), ("unban", "203.0.113.7")])
def test_fail2ban_does_not_run(place: Installation, words: tuple[str, ...]) -> None:
    """That no server answers is one sentence, with what to do, and not what Fail2ban's client prints."""
    with pytest.raises(
        CommandError, match=r"^Fail2ban cannot be asked: [^\n]+\. Does it run\? systemctl start fail2ban$"
    ):
        place.manage(*words)


def test_site_of_another_python(place: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail2ban, which runs on a Python of its own, gets none of the modules that the site is told to import."""
    (tmp_path / "logging.py").write_text("raise SystemExit('the module of another Python')")
    place.fail2ban.start()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert place.manage("status").count("not running") == 3
