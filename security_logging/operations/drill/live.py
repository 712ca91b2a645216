"""A drill on the live site: the real log, the real Fail2ban, and one drill at a time."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from security_logging.fail2ban.client import Client
from security_logging.handlers.sinks import readable_files, sinks
from security_logging.operations.doctor.cloudwatch import is_used, look_up
from security_logging.operations.drill.detector import detector_of
from security_logging.operations.drill.drill import Drill
from security_logging.operations.drill.login_client import LoginClient
from security_logging.operations.drill.plan import Plan
from security_logging.operations.drill.results import Stopped
from security_logging.operations.drill.watch import Watch

_SECONDS = 30  # for the alert command


@contextmanager
def live(
    plan: Plan, login_client: LoginClient, surface: str, *, client: Client, enforced: bool, alert_command: str = ""
) -> Iterator[Drill]:
    """
    Yield a drill on the live site; raises Stopped when there is no log to follow, or another drill runs.

    The shell runs `alert_command` with the drill's id in DRILL_ID; its exit status is 0 once the alert has arrived.
    """
    log = next((path for path in readable_files() if path.is_file()), None)
    if log is None:
        raise Stopped("LOGGING writes no log file that exists and can be read, so nothing could be proven")
    others = [sink.path for sink in sinks() if sink.path is not None and sink.path != log]
    with _alone(log.parent):
        drill = Drill(plan, login_client, Watch(log), [Watch(path) for path in others], detector_of(client, surface))
        drill.is_enforced = enforced
        drill.shipped = look_up() if is_used() else None
        drill.alerted = _by_command(alert_command) if alert_command else None
        try:
            yield drill
        finally:
            for watch in (drill.log, *drill.others):
                watch.close()


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold the lock of all drills on this log; it is on the directory itself, so that no file is left behind."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Stopped("another drill is running") from None
        yield
    finally:
        os.close(descriptor)


def _by_command(command: str) -> Callable[[str], bool]:
    def has_come(drill_id: str) -> bool:
        time.sleep(1)
        environment = {**os.environ, "DRILL_ID": drill_id}
        try:
            done = subprocess.run(command, shell=True, env=environment, timeout=_SECONDS, check=False)  # noqa: S602 (the operator's own command)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    return has_come
