"""The stage: the servers, the cast and the log, set up for a run and taken down again."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

from demonstration import cloudwatch, processes, run_directory
from demonstration.accounts import unprivileged
from demonstration.cast import ATTACKER, VISITOR, Cast
from demonstration.cloudwatch import CloudWatch
from demonstration.fail2ban import Fail2ban
from demonstration.interrupts import Interrupts
from demonstration.narrator import Narrator
from demonstration.nginx import Doors, Nginx, free_ports, is_listening
from demonstration.place import LOOPBACK
from demonstration.processes import Server, Surroundings
from demonstration.run_directory import RunDirectory
from demonstration.security_log import SecurityLog
from demonstration.site import Site, make_site

POLL_SECONDS = 0.1
DIAGNOSIS_LINES = 20
MOTO_SECONDS = 60  # for it to start, on a busy machine

T = TypeVar("T")


class Stage:
    """
    Everything that a step of the story can see and touch.

    `open` builds it; `close` ends each process that was started and removes the directory, whatever has happened.
    """

    site: Site
    nginx: Nginx
    fail2ban: Fail2ban
    log: SecurityLog

    def __init__(self, narrator: Narrator, interrupts: Interrupts, *, with_doors: bool) -> None:
        """Start nothing yet. `with_doors` will let browsers and curl in."""
        front, self.cloudwatch_port, *door_ports = free_ports(5)
        self.narrator = narrator
        self.interrupts = interrupts
        self.cast = Cast(front)
        self.port = front
        self.doors = Doors(VISITOR, ATTACKER, *door_ports) if with_doors else None
        self.run: RunDirectory | None = None
        self.servers: list[Server] = []
        self._cleanup = contextlib.ExitStack()

    def open(self) -> None:
        """Make the run directory and start the servers, from the inside out."""
        with self.interrupts.held():
            run = self.run = run_directory.create(unprivileged())
            self._cleanup.callback(run.remove)
        system = Surroundings(run.account, run.path, {"HOME": str(run.path)}, self.interrupts)
        self.site = make_site(run, self.interrupts, cloudwatch.environment(self.cloudwatch_port))
        self.nginx = Nginx(run, system, self.port)
        self.fail2ban = Fail2ban(run, system)
        self.log = SecurityLog(self.site.log)
        self._start_site()
        self._start_nginx()
        self._start_fail2ban()

    def open_cloudwatch(self) -> CloudWatch:
        """Start a CloudWatch of our own, set it up, and start what ships the log to it."""
        there = CloudWatch(self.site.run, self.site.surroundings, self.cloudwatch_port)
        moto = self._launch(there.start)
        moto.wait_until(there.is_ready, MOTO_SECONDS)
        self._introduce(moto, there.surroundings, f"a CloudWatch on {LOOPBACK}:{there.port}")
        self.narrator.say(f"manage.py security_cloudwatch provision: {there.provision()}")
        shipper = self._launch(there.ship)
        self._introduce(shipper, there.surroundings, "manage.py security_cloudwatch ship --follow")
        return there

    def close(self) -> None:
        """Stop the servers, the last first, and remove the run directory; may be called twice."""
        self._cleanup.close()

    def processes_of(self, name: str) -> list[int]:
        """Return the running processes of the server of that name."""
        return [pid for server in self.servers if server.name == name for pid in processes.members(server.pid)]

    def left_behind(self) -> list[int]:
        """Return the processes of this run that are still there."""
        return [pid for server in self.servers for pid in self.processes_of(server.name)]

    def directories(self) -> list[str]:
        """Return the run directory, if there is one at the moment."""
        return [str(self.run.path)] if self.run and self.run.path.exists() else []

    def show_diagnosis(self) -> None:
        """Show the last lines of each server, to find out why a step failed."""
        for path in sorted(self.run.path.glob("*.[lo][ou][gt]")) if self.run else []:
            self.narrator.title(path.name)
            for line in path.read_text(errors="replace").splitlines()[-DIAGNOSIS_LINES:]:
                self.narrator.write(f"  {line}")

    def show_log(self) -> None:
        """Show what is new in the security log."""
        self.narrator.log_lines(self.log.read())

    def wait_for(self, look: Callable[[], T], wanted: T, seconds: float = 10) -> T:
        """Look until it is as wanted, at most for that long, showing the log meanwhile; return what was seen last."""
        deadline = time.monotonic() + seconds
        while (seen := look()) != wanted and time.monotonic() < deadline:
            self.show_log()
            time.sleep(POLL_SECONDS)
        self.show_log()
        return seen

    def _start_site(self) -> None:
        self.site.prepare(self.cast.people)
        server = self._launch(self.site.start)
        server.wait_until(self.site.socket.exists)
        self._introduce(server, self.site.surroundings, "two workers behind a unix socket")

    def _start_nginx(self) -> None:
        self.nginx.configure(self.doors)
        server = self._launch(self.nginx.start)
        server.wait_until(lambda: is_listening(self.port))
        self._introduce(server, self.nginx.surroundings, f"the trusted proxy, on {LOOPBACK}:{self.port}")

    def _start_fail2ban(self) -> None:
        self.fail2ban.configure(self.nginx, self.site.log)
        server = self._launch(self.fail2ban.start)
        server.wait_until(self.fail2ban.is_ready)
        self._introduce(server, self.fail2ban.surroundings, "the shipped filter, jails and nginx action")

    def _launch(self, start: Callable[[], Server]) -> Server:
        with self.interrupts.held():
            server = start()
            self.servers.append(server)
            self._cleanup.callback(server.stop)
        return server

    def _introduce(self, server: Server, surroundings: Surroundings, text: str) -> None:
        self.narrator.say(f"{server.name} (pid {server.pid}, as {surroundings.account.name}): {text}")
