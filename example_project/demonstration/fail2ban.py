"""A private Fail2ban: the shipped filter, jails and nginx action, and everything else of its own."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from demonstration.cast import HOSTILE_NAMES
from demonstration.nginx import Nginx
from demonstration.place import PROJECT
from demonstration.processes import PATH, CommandError, Server, Surroundings, start
from demonstration.run_directory import RunDirectory

SHIPPED = PROJECT.parent / "fail2ban"
JAILS = ("django-admin", "django-auth")
LIMIT = len(HOSTILE_NAMES)  # failures

_SERVER = Template("""\
[Definition]
loglevel = INFO
logtarget = $run/fail2ban.log
syslogsocket = auto
socket = $run/fail2ban.sock
pidfile = $run/fail2ban.pid
dbfile = $run/fail2ban.sqlite3
dbpurgeage = 1d
allowipv6 = auto
""")

# What an administrator would write into jail.d/django-security.local.
_JAILS = Template("""\
[DEFAULT]
action = django-security-nginx[nginx="$nginx", deny_file="$deny_file"]
         django-security-report[actname=report-text, log="$log"]
         django-security-report[actname=report-json, log="$json_log", form=json]

[django-auth]
enabled = true
logpath = $log
maxretry = $limit

# The shipped jail counts to 3; the demo wants to show each of its hostile user names before the ban.
[django-admin]
enabled = true
logpath = $log
maxretry = $limit
""")


@dataclass(frozen=True)
class Fail2ban:
    """Fail2ban with a configuration, socket and database of its own."""

    run: RunDirectory
    surroundings: Surroundings

    @property
    def words(self) -> list[str]:
        """The options that make Fail2ban's programs speak of this server and not of the system's."""
        path = self.run.path
        return ["-c", f"{path}/fail2ban", "-s", f"{path}/fail2ban.sock", "-p", f"{path}/fail2ban.pid"]

    def configure(self, nginx: Nginx, log: Path) -> None:
        """Write everything that Fail2ban reads, and have it check that; bans come back into the log, in both forms."""
        for source in sorted(SHIPPED.glob("*.d/*.conf")):
            self.run.copy(source, f"fail2ban/{source.parent.name}/{source.name}")
        self.run.write("fail2ban/fail2ban.conf", _SERVER.substitute(run=self.run.path))
        self.run.write("fail2ban/jail.conf", "[DEFAULT]\n")
        values = {"nginx": " ".join(nginx.command), "deny_file": nginx.deny_file, "log": log, "limit": LIMIT}
        jails = _JAILS.substitute(values, json_log=log.with_suffix(".json"))
        self.run.write("fail2ban/jail.d/django-security.local", jails)
        self.client("--test")

    def start(self) -> Server:
        """Start the server, in the foreground of its own session."""
        command = ["fail2ban-server", "-f", *self.words, "start"]
        return start("Fail2ban", command, self.surroundings, self.run.path / "fail2ban.out")

    def client(self, *words: str) -> str:
        """Run fail2ban-client and return what it says; raises CommandError when it fails."""
        return self.surroundings.run(["fail2ban-client", *self.words, *words])

    def is_ready(self) -> bool:
        """Tell whether the server answers and has started all jails."""
        try:
            return self.jails() == list(JAILS)
        except CommandError:
            return False

    def jails(self) -> list[str]:
        """Return the names of the jails that run."""
        return sorted(self._status()["Jail list"].replace(",", " ").split())

    def banned(self, jail: str) -> list[str]:
        """Return whom the jail has banned, as Fail2ban says."""
        return sorted(self._status(jail)["Banned IP list"].split())

    def found(self, jail: str, address: str) -> int:
        """
        Return how many failures of the address the jail has found, as its log says.

        The totals of its status count a failure of an address with a history more than once (bantime.increment).
        """
        line = re.compile(rf"fail2ban\.filter .*\[{jail}\] Found {re.escape(address)} - ")
        return len(line.findall((self.run.path / "fail2ban.log").read_text()))

    def unban(self, address: str) -> None:
        """Lift all bans of the address."""
        self.client("unban", address)

    def _status(self, *jail: str) -> dict[str, str]:
        lines = [line.partition(":") for line in self.client("status", *jail).splitlines()]
        return {name.strip(" `|-"): value.strip() for name, colon, value in lines if colon}


def programs() -> Sequence[str]:
    """Return the paths of Fail2ban's client and server, empty where there is none."""
    return [shutil.which(name, path=PATH) or "" for name in ("fail2ban-client", "fail2ban-server")]
