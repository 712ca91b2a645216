"""The real rsyslogd and the real journald understand what we send, and Fail2ban reads what they write."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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


def shipped(directory: Path, port: int) -> str:
    """Return the configuration that we ship, with its port, file and owner replaced by those of the test."""
    text = (PROJECT / "deploy" / "rsyslog.d" / "django-security.conf").read_text()
    text = text.replace('port="514"', f'port="{port}" address="127.0.0.1"').replace("/var/log/", f"{directory}/")
    return text.replace(' fileOwner="root" fileGroup="adm"', "").replace("    stop\n", "")


@pytest.fixture
def rsyslog(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """Run the real rsyslogd; yield its directory and its port, which is the same for UDP and TCP."""
    require_program("rsyslogd", "rsyslog")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    conf = tmp_path / "rsyslog.conf"
    conf.write_text(CONFIGURATION.format(directory=tmp_path, port=port) + shipped(tmp_path, port))
    program = shutil.which("rsyslogd") or "rsyslogd"
    process = subprocess.Popen([program, "-n", "-f", str(conf), "-i", str(tmp_path / "pid")], stderr=subprocess.DEVNULL)
    try:
        assert wait_until((tmp_path / "log").exists)
        assert wait_until(lambda: _listens(port))
        yield tmp_path, port
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
