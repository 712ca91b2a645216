"""A healthy installation in a private copy of the distribution's Fail2ban, to be broken by a test in one place."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path

from fail2ban_server import PrivateFail2ban, command, copy_stock_config, short_directory
from security_logging.checks.problem import Problem
from security_logging.events.event import make_event
from security_logging.events.line import render
from security_logging.events.types import LOGIN
from security_logging.fail2ban.checking.check import check
from security_logging.fail2ban.client import Client
from security_logging.fail2ban.files.plan import wanted_files
from security_logging.fail2ban.files.record import NAME, Choices, render_record
from security_logging.fail2ban.files.shipped import JAILS
from security_logging.fail2ban.site import Site
from waiting import wait_for

SSHD = """\
[DEFAULT]
banaction = tofile
banaction_allports = tofile
[sshd]
enabled = true
backend = polling
logpath = {0}/auth.log
"""
NAMES = ("django-auth", "django-admin", "django-probe")


@dataclass
class SetUp:
    """The directory of Fail2ban's configuration, the site, and the server, which does not run yet."""

    directory: Path
    site: Site
    choices: Choices
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Learn how to ask the server."""
        self.fail2ban = PrivateFail2ban(self.directory)
        paths = ("-c", self.directory, "-s", f"{self.directory}/f2b.sock", "-p", f"{self.directory}/f2b.pid")
        self.words = self.words or command("fail2ban-client", *map(str, paths))

    @property
    def log(self) -> Path:
        """The security log."""
        return Path(self.choices.log)

    @property
    def jails(self) -> Path:
        """The installed jails."""
        return self.directory / JAILS

    def write(self, name: str, text: str) -> Path:
        """Write a file of the configuration."""
        path = self.directory / name
        path.write_text(text)
        return path

    def local(self, *lines: str) -> SetUp:
        """Let django-security.local say this for each of our jails; return the set-up, as the next two do."""
        text = "".join(f"[{name}]\n" + "".join(f"{line}\n" for line in lines) for name in NAMES)
        self.write("jail.d/django-security.local", text)
        return self

    def install(self, **chosen: object) -> SetUp:
        """Install with these choices."""
        self.choices = replace(self.choices, **chosen)  # type: ignore[arg-type]
        files = wanted_files(self.directory, self.site, self.choices)
        for name, text in {**files, NAME: render_record(self.choices, files)}.items():
            self.write(name, text)
        return self

    def problems(self) -> list[Problem]:
        """Return what the check finds."""
        return list(check(Client(self.words), self.directory, self.site))

    def trust(self, *proxies: str) -> SetUp:
        """Let the site trust these proxies."""
        self.site = replace(self.site, proxies=[ip_network(proxy) for proxy in proxies])
        return self

    def dated(self, *lines: str, seconds_ago: float = 0) -> None:
        """Let the log hold these lines, written so long ago."""
        self.log.write_text("".join(f"{line}\n" for line in lines))
        written = self.log.stat().st_mtime - seconds_ago
        os.utime(self.log, (written, written))


def line() -> str:
    """Return a line of now that is counted by nobody."""
    return render(make_event(LOGIN, ip="203.0.113.7", net="203.0.113.7"))


@contextmanager
def healthy() -> Iterator[SetUp]:
    """Yield a set-up without any complaint but that its server does not run; stop the server at the end."""
    with short_directory() as directory:
        copy_stock_config(directory, SSHD.format(directory))
        (directory / "auth.log").touch()
        (directory / "log").mkdir(mode=0o750)
        log = directory / "log" / "security.log"
        log.touch(mode=0o640)
        found = SetUp(directory, Site({log: "file"}), Choices(log=str(log)))
        found.dated(line())
        found.install()
        try:
            yield found
        finally:
            found.fail2ban.stop()


def start(found: SetUp, jails: Sequence[str] = (*NAMES, "sshd")) -> None:
    """Start the server and return when it runs these jails."""
    found.fail2ban.start()
    wait_for(lambda: set(jails) <= set(Client(found.words).jails()), "the jails")
