"""A rehearsal: the project's own URL configuration, middleware and views, and everything else private and temporary."""

from __future__ import annotations

import logging
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from logging.handlers import SysLogHandler
from pathlib import Path
from string import Template

from security_logging.drill import stand_ins
from security_logging.drill.collector import Collector
from security_logging.drill.detector import Detector, detector_of
from security_logging.drill.entrance import InProcess
from security_logging.drill.plan import Plan
from security_logging.drill.scene import Scene
from security_logging.drill.watch import Watch, wait_for
from security_logging.fail2ban.client import Client, ClientError
from security_logging.fail2ban.render import JailOptions
from security_logging.fail2ban.shipped import shipped_files
from security_logging.formatters import ECSFormatter, SecurityLineFormatter
from security_logging.handlers import SecurityFileHandler
from security_logging.surface import ADMIN

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
def rehearsal(plan: Plan, path: str, surface: str = ADMIN) -> Iterator[Scene]:
    """Yield a scene of which nothing is left after the block: files, Fail2ban, databases, stubs."""
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="drill-", dir=_short()))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        files = {name: directory / "log" / name for name in ("security.log", "security.json", "other.log")}
        for file in files.values():
            file.parent.mkdir(mode=0o750, exist_ok=True)
            file.touch(mode=0o640)
        sink, alerts = stack.enter_context(Collector()), stack.enter_context(Collector())
        (directory / "store").touch()
        stack.enter_context(_logging(files, sink))
        stack.enter_context(stand_ins.databases())
        stack.enter_context(stand_ins.all_caches())
        detector = stack.enter_context(_fail2ban(directory, plan, alerts, surface))
        others = [Watch(file) for name, file in files.items() if name != "security.log"]
        # In place of the proxy or the firewall that reads what the action writes.
        entrance = InProcess(path, partial(_stored, directory))
        scene = Scene(plan, entrance, Watch(files["security.log"]), others, detector)
        scene.is_enforced = True
        scene.shipped = sink.has
        scene.alerted = alerts.has if isinstance(detector, Detector) else None
        scene.secret_places = _places(directory, {"the remote sink": sink, "the alerts": alerts})
        for watch in (scene.log, *others):
            stack.callback(watch.close)
        yield scene


@contextmanager
def _logging(files: dict[str, Path], sink: Collector) -> Iterator[None]:
    text, data = SecurityFileHandler(files["security.log"]), SecurityFileHandler(files["security.json"])
    remote, others = SysLogHandler(("127.0.0.1", sink.port)), SecurityFileHandler(files["other.log"])
    formats: dict[logging.Handler, logging.Formatter] = {
        text: SecurityLineFormatter(),
        data: ECSFormatter(),
        remote: SecurityLineFormatter(bare=True),
        others: SecurityLineFormatter(),
    }
    for handler, formatter in formats.items():
        handler.setFormatter(formatter)
    with stand_ins.handlers(text, data, remote, others=others):
        yield


@contextmanager
def _fail2ban(directory: Path, plan: Plan, alerts: Collector, surface: str) -> Iterator[Detector | str]:
    """Yield the detector of a private server, or why there is none."""
    if shutil.which("fail2ban-client") is None:
        yield "Fail2ban is not installed here"
        return
    _configure(directory, plan, alerts.port)
    files = ("-s", f"{directory}/fail2ban.sock", "-p", f"{directory}/fail2ban.pid")
    client = Client(("fail2ban-client", "-c", f"{directory}/fail2ban", *files))
    server: subprocess.Popen[bytes] | None = None
    try:
        with (directory / "fail2ban.out").open("wb") as output:
            command = ["fail2ban-server", "-f", "-c", f"{directory}/fail2ban", *files, "start"]
            server = subprocess.Popen(  # noqa: S603 (words of our own)
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        if wait_for(lambda: _runs(client), _START_SECONDS):
            yield detector_of(client, surface, partial(_stored, directory))
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


def _stored(directory: Path) -> list[str]:
    """Return whom the rehearsal's action has banned."""
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
    return lines[-1] if lines else "it says nothing"


def _places(directory: Path, stubs: dict[str, Collector]) -> Callable[[], dict[str, bytes]]:
    """Return a function that returns what Fail2ban and the stubs have kept."""

    def read() -> dict[str, bytes]:
        files = {
            f"Fail2ban's {path.name}": path.read_bytes() for path in directory.glob("fail2ban.[lso]*") if path.is_file()
        }
        return {**files, **{name: stub.data for name, stub in stubs.items()}}

    return read


def _short() -> str:
    """Return a directory for temporary files in which the name of a unix socket fits (108 bytes)."""
    wanted = tempfile.gettempdir()
    return wanted if len(wanted) < 60 else "/tmp"  # noqa: S108 (mkdtemp makes a private directory in it)
