"""Harbour itself: its database and people, and gunicorn with two workers."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from demonstration.accounts import Account, own, unprivileged
from demonstration.cast import Person
from demonstration.drill_report import DrillReport, read_report
from demonstration.interrupts import Interrupts
from demonstration.place import HOST, LOOPBACK, PROJECT
from demonstration.processes import CommandError, Server, Surroundings, start
from demonstration.run_directory import RunDirectory

WORKERS = 2
_PROBE = "import django, gunicorn, rest_framework, security_logging; open('manage.py').close()"


@dataclass(frozen=True)
class Site:
    """Where the site keeps its things, and who runs it."""

    run: RunDirectory
    surroundings: Surroundings

    @property
    def socket(self) -> Path:
        """The socket on which gunicorn listens; the directory around it keeps other users out."""
        return self.run.path / "gunicorn.sock"

    @property
    def log(self) -> Path:
        """The security log."""
        return self.run.path / "log" / "security.log"

    def prepare(self, people: Sequence[Person]) -> None:
        """Make the database, the static files, the users and the logs; Fail2ban wants the last before it starts."""
        for log in (self.log, self.log.with_suffix(".json")):
            self.run.write(f"log/{log.name}")
        given = json.dumps([person.as_user() for person in people])
        self.surroundings.run([sys.executable, "manage.py", "prepare_site"], given)

    def rehearse_drill(self) -> DrillReport:
        """Rehearse the incident drill and return its report."""
        path = self.run.make("drill") / "report"
        # Whatever is left of a drill that is interrupted lies in the run directory, and goes with it.
        environment = {**self.surroundings.environment, "TMPDIR": str(self.run.make("drill"))}
        command = [sys.executable, "manage.py", "security_drill", "--rehearse", "--report", str(path)]
        replace(self.surroundings, environment=environment).run(command)
        return read_report(path)

    def start(self) -> Server:
        """Start gunicorn."""
        command = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "example.wsgi"]
        return start("gunicorn", command, self.surroundings, self.run.path / "gunicorn.out")


def make_site(run: RunDirectory, interrupts: Interrupts, environment: Mapping[str, str]) -> Site:
    """
    Return the site of a run; gunicorn runs under the run's account if that may read Python and the project.

    `environment` is added to what every site of the demo has.
    """
    account = _account(run, interrupts)
    return Site(run, Surroundings(account, PROJECT, {**_environment(run), **environment}, interrupts))


def _account(run: RunDirectory, interrupts: Interrupts) -> Account:
    """Return the account for gunicorn: root if the virtual environment is below /root, where others may not read."""
    try:
        Surroundings(unprivileged(), PROJECT, _environment(run), interrupts).run([sys.executable, "-c", _PROBE])
    except (CommandError, OSError):
        return own()
    return unprivileged()


def _environment(run: RunDirectory) -> dict[str, str]:
    """Return the environment of a real deployment, but for HTTPS: the demo stays on this machine and has no name."""
    return {
        "HARBOUR_DATA": str(run.make("data")),
        "HARBOUR_LOG_DIRECTORY": str(run.make("log")),
        "HARBOUR_ALLOWED_HOSTS": f"{HOST},localhost,{LOOPBACK}",
        "HARBOUR_TRUSTED_PROXIES": "unix:",
        "HARBOUR_HTTPS": "off",
        "HARBOUR_EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend",
        "HARBOUR_BIND": f"unix:{run.path}/gunicorn.sock",
        "HARBOUR_WORKERS": str(WORKERS),
        "HOME": str(run.path),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "PYTHONDONTWRITEBYTECODE": "1",  # as root they would lie in the clone as root's files
    }
