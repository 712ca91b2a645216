"""The real rsyslogd and the real journald understand what we send, and Fail2ban reads what they write."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fail2ban_server import short_directory
from free_port import free_port
from log_records import EVENT, event_record, failed, record
from requires import require, require_network_namespaces, require_program, require_root
from security_logging.events.line import render_message
from security_logging.handlers.syslog import SyslogHandler
from waiting import wait_until

pytestmark = [pytest.mark.end_to_end]

PROJECT = Path(__file__).parent.parent.parent
JOURNALD = Path("/lib/systemd/systemd-journald")
CONFIGURATION = """
global(workDirectory="{directory}")
module(load="imuxsock" SysSock.Use="off")
module(load="imudp")
input(type="imuxsock" Socket="{directory}/log")
input(type="imudp" address="127.0.0.1" port="{port}")
template(name="all" type="list") {{ property(name="jsonmesg") constant(value="\\n") }}
action(type="omfile" file="{directory}/all.json" template="all")
"""


RULESETS = ("django-security", "django-security-tcp")


def shipped(directory: Path, port: int, user: int = os.geteuid(), sender: str = "127.0.0.1") -> str:
    """
    Return the configuration that we ship, with its port, paths, owner and senders replaced by those of the test.

    What arrives at a ruleset is written into all.json too, whoever sent it.
    """
    text = ""
    for path in sorted((PROJECT / "deploy" / "rsyslog.d").glob("*.conf")):
        text += path.read_text()
    text = text.replace('port="514"', f'port="{port}" address="0.0.0.0"').replace("/var/log/", f"{directory}/")
    text = text.replace("/run/django-security/", f"{directory}/run/").replace(' fileOwner="root" fileGroup="adm"', "")
    text = text.replace('"33"', f'"{user}"').replace("192.0.2.10", sender)
    for name in RULESETS:
        head = f'ruleset(name="{name}") {{\n'
        assert head in text
        text = text.replace(head, f'{head}    action(type="omfile" file="{directory}/all.json" template="all")\n')
    return text


@pytest.fixture
def rsyslog(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """Run the real rsyslogd; yield its directory and its port, which is the same for UDP and TCP."""
    require_program("rsyslogd", "rsyslog")
    (tmp_path / "run").mkdir()
    with _running(tmp_path) as port:
        yield tmp_path, port


@contextmanager
def _running(directory: Path, **senders: Any) -> Iterator[int]:
    port = free_port()
    conf = directory / "rsyslog.conf"
    conf.write_text(CONFIGURATION.format(directory=directory, port=port) + shipped(directory, port, **senders))
    program = shutil.which("rsyslogd") or "rsyslogd"
    process = subprocess.Popen([program, "-n", "-f", str(conf), "-i", f"{directory}/pid"], stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: (directory / "log").exists() and (directory / "run" / "log").exists())
        assert wait_until(lambda: _listens(port))
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def received(directory: Path) -> list[dict[str, Any]]:
    """Return the messages as rsyslogd understood them."""
    path = directory / "all.json"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_rsyslog(rsyslog: tuple[Path, int], scheme: str) -> None:
    """The real rsyslogd finds every part of an RFC 5424 message where it belongs."""
    directory, port = rsyslog
    handler = SyslogHandler(f"{scheme}://127.0.0.1:{port}?facility=local0&enterprise=12345")
    handler.emit(event_record(tenant='a"]\\'))
    handler.close()
    assert wait_until(lambda: received(directory))
    (found,) = received(directory)
    names = ("msg", "app-name", "procid", "msgid", "syslogfacility", "syslogseverity", "timereported")
    assert [found[name] for name in names] == [
        *(render_message(EVENT), "django-security", "412", "login_failed", "16", "4", "2026-08-01T12:00:00.123+00:00")
    ]
    assert found["structured-data"].startswith('[security@12345 event="login_failed" class="auth" ')
    assert found["structured-data"].endswith(r' tenant="a\"\]\\"]')


def test_local_socket(rsyslog: tuple[Path, int]) -> None:
    """On the local socket the tag and the process are understood."""
    directory, _ = rsyslog
    handler = SyslogHandler(f"{directory}/log")
    handler.emit(event_record())
    handler.close()
    assert wait_until(lambda: received(directory))
    (found,) = received(directory)
    assert (found["syslogtag"], found["syslogfacility"], found["msg"].strip()) == (
        *("django-security[412]:", "10"),
        render_message(EVENT),
    )


@pytest.mark.real_fail2ban
def test_fail2ban_behind_rsyslog(rsyslog: tuple[Path, int]) -> None:
    """Behind the configuration that we ship Fail2ban finds the address, and nothing in a record that is no event."""
    directory, port = rsyslog
    handler = SyslogHandler(f"tcp://127.0.0.1:{port}")
    handler.emit(event_record())
    handler.emit(record(f"x\n{render_message(EVENT)}"))
    handler.close()
    assert wait_until(lambda: len(received(directory)) == 2)
    log = directory / "django-security.log"
    assert wait_until(lambda: log.exists() and log.read_text().endswith("\n"))
    rules = f"{PROJECT}/fail2ban/filter.d/django-security.conf[logtype=short]"
    run = subprocess.run(
        ["fail2ban-regex", "-o", "ip", str(log), rules], check=False, capture_output=True, text=True, timeout=30
    )
    assert run.stdout.split() == ["203.0.113.7"], log.read_text()


SITE, STRANGER = 65534, 12345
_SEND_LOCALLY = """
import os, sys
from security_logging.handlers.syslog import SyslogHandler
from fail2ban_server import short_directory
from log_records import event_record
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[2]))
handler = SyslogHandler(sys.argv[1])
handler.emit(event_record())
handler.close()
"""
_SEND_FROM = """
import socket, sys
source, server = (sys.argv[1], 0), ("127.0.0.1", int(sys.argv[2]))
with socket.create_connection(server, source_address=source, timeout=10) as connection:
    connection.sendall(sys.argv[3].encode())
"""


@pytest.fixture
def guarded() -> Iterator[tuple[Path, int]]:
    """Run the real rsyslogd as root with what we ship, for the site's user and a named sender."""
    require_root()
    require_program("rsyslogd", "rsyslog")
    require_program("logger", "bsdutils")
    with short_directory() as directory:
        directory.chmod(0o755)
        (directory / "run").mkdir()
        os.chown(directory / "run", 0, SITE)
        (directory / "run").chmod(0o710)
        with _running(directory, user=SITE, sender="127.0.0.2") as port:
            yield directory, port


def send_locally(path: Path, user: int) -> str:
    """Send an event over a local socket as a user, and return what is on standard error."""
    paths = os.pathsep.join([str(Path(__file__).parent.parent), *filter(None, sys.path)])
    command = [sys.executable, "-c", _SEND_LOCALLY, str(path), str(user)]
    environment = {**os.environ, "PYTHONPATH": paths}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True).stderr


def log_as(user: int, path: Path, text: str) -> None:
    """Run logger(1) as a user."""
    who = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    subprocess.run([*who, "logger", "-u", str(path), "-t", "django-security", text], timeout=30, check=False)


def counted(directory: Path) -> str:
    """Return what Fail2ban would read."""
    path = directory / "django-security.log"
    return path.read_text() if path.exists() else ""


def test_site_over_its_own_socket(guarded: tuple[Path, int]) -> None:
    """The lines of the site's user arrive in the file, and those of root's management commands."""
    directory, _ = guarded
    for user in (SITE, 0):
        assert send_locally(directory / "run" / "log", user) == ""
    assert wait_until(lambda: counted(directory).count(render_message(EVENT)) == 2)


def test_stranger_over_the_systems_socket(guarded: tuple[Path, int]) -> None:
    """`logger -t django-security` of anybody, root included, does not reach the file that Fail2ban reads."""
    directory, _ = guarded
    for user in (STRANGER, SITE, 0):
        log_as(user, directory / "log", render_message(EVENT))
    assert wait_until(lambda: len(received(directory)) == 3)
    assert counted(directory) == ""


def test_stranger_at_the_sites_socket(guarded: tuple[Path, int]) -> None:
    """Another user cannot enter the directory of the site's socket; where one can, the kernel says who it is."""
    directory, _ = guarded
    assert "Permission denied" in send_locally(directory / "run" / "log", STRANGER)
    (directory / "run").chmod(0o777)
    forged = f'{render_message(EVENT)} [_UID=0 uid=0] @cee:{{"uid":"0"}}'
    for text in (render_message(EVENT), forged, f'@cee:{{"uid":0}} {forged}'):
        log_as(STRANGER, directory / "run" / "log", text)
    assert wait_until(lambda: len(received(directory)) == 3)
    assert ({line["$!"]["uid"] for line in received(directory)}, counted(directory)) == ({STRANGER}, "")


def test_senders_over_tcp(guarded: tuple[Path, int]) -> None:
    """A named machine reaches the file over TCP, and no other does, whatever host it says that it is."""
    directory, port = guarded
    line = f"<84>1 2026-08-01T12:00:00.123Z 127.0.0.2 django-security 412 - - {render_message(EVENT)}\n"
    sources = ["127.0.0.3", "127.0.0.1", "127.0.0.2"]
    for source in sources:
        command = [sys.executable, "-c", _SEND_FROM, source, str(port), line]
        subprocess.run(command, timeout=30, check=True)
        assert wait_until(lambda: received(directory) and received(directory)[-1]["fromhost-ip"] == source)  # noqa: B023 (called here)
    assert wait_until(lambda: counted(directory).count("\n") == 1)
    assert [entry["fromhost-ip"] for entry in received(directory)] == sources


# The journal's sockets are at fixed places: it runs where /run is its own.
_PRIVATE = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/log/journal
{journald} & pid=$!
for _ in $(seq 100); do [ -S /run/systemd/journal/socket ] && break; sleep 0.05; done
{python} -c 'import test_log_servers; test_log_servers.write_to_journal()'
for _ in $(seq 100); do
    journalctl -D /run/log/journal --quiet -o json > {out} || true
    [ "$(grep -c DJANGO_LOGGER {out})" = 2 ] && break; sleep 0.05
done
kill $pid
"""


def write_to_journal() -> None:
    """Write an event and an error of the application, in a process of its own."""
    from security_logging.handlers.journald import JournaldHandler

    handler = JournaldHandler()
    handler.emit(event_record(env="prod"))
    handler.emit(record("payment failed", exc_info=failed("no\x1b money")))
    handler.close()
    sys.exit(handler.failures)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return the entries of a real journal after `write_to_journal`."""
    require_root()
    require_network_namespaces()
    require(JOURNALD.exists() and shutil.which("journalctl") is not None, "needs systemd's journald")
    out = tmp_path_factory.mktemp("journal") / "entries.json"
    script = _PRIVATE.format(journald=JOURNALD, python=sys.executable, out=out)
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    command = ["unshare", "--mount", "bash", "-c", script]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, check=True, capture_output=True, timeout=30)
    entries = [json.loads(line) for line in out.read_text().splitlines()]
    return [entry for entry in entries if "DJANGO_LOGGER" in entry]


def test_journald(journal: list[dict[str, Any]]) -> None:
    """The real journald keeps the event with its fields, and trusts our identifier."""
    event = next(entry for entry in journal if entry["SYSLOG_IDENTIFIER"] == "django-security")
    names = ("MESSAGE", "PRIORITY", "DJANGO_EVENT_ACTION", "DJANGO_IP", "DJANGO_SURFACE", "DJANGO_ENV", "_TRANSPORT")
    expected = [render_message(EVENT), "4", "login_failed", "203.0.113.7", "admin", "prod", "journal"]
    assert [event[name] for name in names] == expected


def test_journald_traceback(journal: list[dict[str, Any]]) -> None:
    """A traceback stays in one entry, as text that a terminal can show."""
    entry = next(entry for entry in journal if entry["SYSLOG_IDENTIFIER"] == "django")
    lines = entry["MESSAGE"].split("\n")
    assert (lines[0], lines[-1]) == ("payment failed", "    | ValueError: no\\x1b money")
