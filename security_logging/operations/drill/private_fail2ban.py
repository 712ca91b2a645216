"""A Fail2ban of a rehearsal's own, with the files that we ship and actions that touch nothing else."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from string import Template

from security_logging.fail2ban.client import Client, ClientError, environment
from security_logging.fail2ban.files.render import JailOptions
from security_logging.fail2ban.files.shipped import shipped_files
from security_logging.operations.drill.detector import Detector, detector_of
from security_logging.operations.drill.plan import Plan
from security_logging.operations.drill.watch import wait_for

_SERVER = """\
[Definition]
loglevel = INFO
logtarget = {0}/fail2ban.log
syslogsocket = auto
socket = {0}/fail2ban.sock
pidfile = {0}/fail2ban.pid
dbfile = {0}/fail2ban.sqlite3
dbpurgeage = 1d
allowipv6 = auto
"""
_JAILS = Template("""\
[DEFAULT]
ignoreself = false
backend = polling
action = drill-store
         drill-alert
         django-security-report[log="$directory/log/security.log"]

# The probe jail is no part of a drill.
[django-probe]
enabled = false
""")
# The action's own store: a file with a line for each address that is banned.
_STORE = Template("""\
[Definition]
actionban = echo "<ip>" >> $directory/store
actionunban = grep -vxF "<ip>" $directory/store > $directory/store.new; mv $directory/store.new $directory/store
""")
_ALERT = Template("""\
[Definition]
_send = import socket, sys; socket.socket(2, 2).sendto(sys.argv[1].encode(), ("127.0.0.1", $port))
actionban = $python -c '<_send>' "DRILL $drill: <ip> banned by <name>"
actionunban =
""")
_START_SECONDS, _STOP_SECONDS = 20, 10


@contextmanager
def private_fail2ban(directory: Path, plan: Plan, port: int, surface: str) -> Iterator[Detector | str]:
    """Yield the detector of a private server, or why there is none; its alerts go to the port on this machine."""
    if shutil.which("fail2ban-client") is None:
        yield "Fail2ban is not installed here"
        return
    _configure(directory, plan, port)
    files = ("-s", f"{directory}/fail2ban.sock", "-p", f"{directory}/fail2ban.pid")
    client = Client(("fail2ban-client", "-c", f"{directory}/fail2ban", *files))
    server: subprocess.Popen[bytes] | None = None
    try:
        with (directory / "fail2ban.out").open("wb") as output:
            command = ["fail2ban-server", "-f", "-c", f"{directory}/fail2ban", *files, "start"]
            server = subprocess.Popen(  # noqa: S603 (words of our own)
                command, env=environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        if wait_for(lambda: _runs(client), _START_SECONDS):
            yield detector_of(client, surface, partial(stored, directory))
        else:
            yield f"Fail2ban does not start: {_end_of(directory / 'fail2ban.out')}"
    finally:
        _stop(client, server)


def _configure(directory: Path, plan: Plan, port: int) -> None:
    """Write what Fail2ban reads: the files that we ship, and the rehearsal's own actions."""
    values = {"directory": directory, "python": shlex.quote(sys.executable), "port": port, "drill": plan.id}
    options = JailOptions(log=f"{directory}/log/security.log", enabled=True)
    own = {
        "fail2ban.conf": _SERVER.format(directory),
        "jail.conf": "[DEFAULT]\n",
        "jail.d/django-security.local": _JAILS.substitute(values),
        "action.d/drill-store.conf": _STORE.substitute(values),
        "action.d/drill-alert.conf": _ALERT.substitute(values),
    }
    for name, text in {**shipped_files(options), **own}.items():
        path = directory / "fail2ban" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def stored(directory: Path) -> list[str]:
    """Return the addresses that the rehearsal's action has banned."""
    return (directory / "store").read_text().split()


def _runs(client: Client) -> bool:
    try:
        return {"django-auth", "django-admin"} <= set(client.jails())
    except ClientError:
        return False


def _stop(client: Client, server: subprocess.Popen[bytes] | None) -> None:
    if server is None:
        return
    with suppress(ClientError):
        client.run("stop")
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait(_STOP_SECONDS)


def _end_of(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it prints nothing"
