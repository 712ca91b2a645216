"""`security_fail2ban check`: a healthy set-up has no complaint, and each broken one is named with its fix."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from django.core.management import call_command

from fail2ban_setup import SetUp, healthy, line, start
from requires import require_root
from security_logging.events.event import make_event
from security_logging.events.line import render
from security_logging.events.types import LOGIN
from security_logging.fail2ban.checking.problems import DECLARED
from security_logging.fail2ban.checking.server import reload
from security_logging.fail2ban.client import Client
from security_logging.management.commands.security_fail2ban import Command

pytestmark = pytest.mark.real_fail2ban

Break = Callable[[SetUp], object]
INSTALL = "manage.py security_fail2ban install"
LOCAL = "write into jail.d/django-security.local, in [django-auth]: "


def login(minutes: float) -> str:
    """Return a line that is dated so many minutes from now."""
    dated = datetime.now(timezone.utc) + timedelta(minutes=minutes)
    return render(replace(make_event(LOGIN, ip="203.0.113.7", net="203.0.113.7"), time=dated))


def edit(path: Path, old: str, new: str) -> None:
    """Replace a part of a file that is there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def stale(s: SetUp) -> None:
    """Install the filter of another version, and know that it was installed so."""
    path = s.directory / "filter.d" / "django-security.conf"
    edit(path, "login_failed|", "")
    s.directory.joinpath("django-security.json").unlink()


def link(s: SetUp) -> Path:
    """Let the log be a link to another file, and return that."""
    target = s.log.rename(s.log.with_name("real.log"))
    s.log.symlink_to(target)
    return target


def without_rsyslog(s: SetUp) -> None:
    """Leave sshd without a log file, as a fresh Debian 12 does."""
    (s.directory / "auth.log").unlink()


def pipe(s: SetUp) -> None:
    """Let the log be a named pipe, from which a reader would wait for ever."""
    s.log.unlink()
    os.mkfifo(s.log)


def nobody_writes(s: SetUp) -> None:
    """Leave an empty log that belongs to root alone."""
    s.log.write_text("")


def through_syslog(s: SetUp) -> None:
    """Read a log that rsyslog writes from what anybody may send it."""
    s.install(logtype="short")
    s.dated(line().replace(" django-security", " host django-security", 1))


def root_wrote_first(s: SetUp) -> None:
    """Leave a log that root began in the directory of the site's user."""
    require_root()
    os.chown(s.log.parent, 65534, 65534)
    os.chown(s.log, 0, 0)


def deaf_nginx(s: SetUp) -> None:
    """Ban in an nginx that does not read the list; the program is any that prints nothing."""
    s.install(front="load-balancer", parameters={"nginx": "true", "deny_file": f"{s.directory}/deny.conf"})


def journal(s: SetUp) -> None:
    """Read a journal with a Python that cannot."""
    s.install(logtype="journal")


def elsewhere(s: SetUp) -> None:
    """Let the jails read the log of yesterday's site."""
    other = s.log.with_name("other.log")
    other.write_text(f"{line()}\n")
    s.local(f"logpath = {other}")


# What is broken, how, what is found and no other thing, and what the fix says.
def locking(s: SetUp) -> None:
    """Let the site lock a user before django-auth has counted to five."""
    s.site = replace(s.site, lockouts={"AXES_FAILURE_LIMIT": 4})


BROKEN: tuple[tuple[str, Break, str, str], ...] = (
    ("the site locks early", locking, "site.lockout", "let AXES_FAILURE_LIMIT allow 5 or more"),
    (
        "the filter is missing",
        lambda s: (s.directory / "filter.d/django-security.conf").unlink(),
        "fail2ban.refuses installed.missing",
        INSTALL,
    ),
    (
        "an action is missing",
        lambda s: (s.directory / "action.d/django-security-nginx.conf").unlink(),
        "installed.missing",
        INSTALL,
    ),
    ("the filter is of another version", stale, "installed.stale", INSTALL),
    ("a new proxy is trusted", lambda s: s.trust("192.0.2.0/24"), "installed.stale jail.proxy", "(it writes ignoreip)"),
    (
        "the filter was edited",
        lambda s: edit(s.directory / "filter.d/django-security.conf", "login_failed|", ""),
        "installed.edited",
        "move the change into filter.d/django-security.local",
    ),
    (
        "the jails were edited",
        lambda s: edit(s.jails, "maxretry = 5", "maxretry = 50"),
        "installed.edited",
        "jail.d/django-security.local",
    ),
    ("anybody may write the jails", lambda s: s.jails.chmod(0o666), "installed.writable", "chmod go-w"),
    (
        "anybody may write a .local file",
        lambda s: s.write("jail.d/django-security.local", "").chmod(0o666),
        "installed.writable",
        "django-security.local",
    ),
    (
        "a .local file is broken",
        lambda s: s.write("jail.d/x.local", "[nonsense\n"),
        "fail2ban.refuses",
        "fail2ban-client -t",
    ),
    (
        "a broken expression",
        lambda s: s.write("filter.d/django-security.local", "[Definition]\n[x"),
        "fail2ban.refuses",
        "fail2ban-client -t",
    ),
    ("sshd has no log", without_rsyslog, "fail2ban.no_sshd_log", "backend = systemd"),
    (
        "no database",
        lambda s: s.write("fail2ban.d/x.local", "[Definition]\ndbfile = None\n"),
        "fail2ban.no_database",
        "dbfile = /var/lib",
    ),
    ("no jail is switched on", lambda s: s.local("enabled = false"), "jail.none", INSTALL),
    ("the log is missing", lambda s: s.log.unlink(), "log.missing", INSTALL),
    ("the log's directory is missing", lambda s: s.log.parent.rename(s.directory / "x"), "log.missing", INSTALL),
    ("the log is a link", link, "log.link", "security_fail2ban install --log"),
    ("the log is a link to nowhere", lambda s: link(s).unlink(), "log.link log.missing", INSTALL),
    ("the log is a pipe", pipe, "log.no_file", "move it away"),
    ("anybody may write the log", lambda s: s.log.chmod(0o666), "log.writable", "chmod 0640"),
    ("anybody may write through syslog", through_syslog, "log.anyone", "rsyslog.d/django-security.conf"),
    ("only root may write the log", nobody_writes, "log.owner", "chown www-data:adm"),
    ("root wrote the log first", root_wrote_first, "log.owner", "chown nobody:nogroup"),
    (
        "the log does not grow",
        lambda s: s.dated(login(-60 * 24 * 9), seconds_ago=9 * 86_400),
        "log.quiet",
        "security_doctor",
    ),
    (
        "the log is another program's",
        lambda s: s.dated("[21/Nov/2026 12:00:00] hello"),
        "log.foreign",
        'build_logging("file")',
    ),
    (
        "the lines have no zone",
        lambda s: s.dated(f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S,123} {line()[30:]}"),
        "log.foreign",
        "SecurityLineFormatter",
    ),
    ("the clock is ahead", lambda s: s.dated(login(7)), "log.clock", "timedatectl set-ntp true"),
    ("the clock is behind", lambda s: s.dated(login(-7)), "log.clock", "timedatectl set-ntp true"),
    ("the zone is wrong", lambda s: s.dated(login(-5 * 60)), "log.zone", "in UTC"),
    ("a jail reads another file", elsewhere, "jail.logpath", LOCAL + "logpath = "),
    (
        "the site writes no file",
        lambda s: setattr(s, "site", replace(s.site, logs={})),
        "site.no_log",
        'build_logging("file")',
    ),
    (
        "a jail reads JSON as text",
        lambda s: s.dated('{"@timestamp":"2026-01-01T00:00:00.000Z"}', seconds_ago=0),
        "jail.format",
        "--logtype json",
    ),
    (
        "a jail uses another filter",
        lambda s: s.local("filter = sshd"),
        "jail.filter",
        LOCAL + "filter = django-security[mode=normal]",
    ),
    (
        "an ignoreip of one's own forgets the proxy",
        lambda s: s.trust("192.0.2.0/24").install().local("ignoreip = 198.51.100.1"),
        "jail.ignores_less jail.proxy",
        "it writes ignoreip",
    ),
    (
        "the office is never banned elsewhere",
        lambda s: s.trust("192.0.2.0/24").install().write("jail.d/a.local", "[DEFAULT]\nignoreip = 198.51.100.1\n"),
        "installed.stale jail.ignores_less",
        "ignoreip of [DEFAULT]",
    ),
    (
        "everybody is ignored",
        lambda s: s.local("ignoreip = 127.0.0.1/8 ::1 0.0.0.0/0"),
        "jail.ignores_all",
        "remove it from ignoreip",
    ),
    ("no action", lambda s: s.local("action ="), "jail.no_action", "remove the line action"),
    (
        "an action that only reports",
        lambda s: s.local("action = django-security-report[log=/dev/null]"),
        "jail.no_action",
        "remove the line action",
    ),
    (
        "nft is not installed",
        lambda s: s.local("action = nftables[nftables=/no/nft]"),
        "action.binary",
        "apt-get install nftables",
    ),
    (
        "nginx is not installed",
        lambda s: s.install(front="load-balancer", parameters={"nginx": "/no/nginx"}),
        "action.binary",
        "apt-get install nginx",
    ),
    ("nginx does not read the list", deaf_nginx, "action.nginx", "geo $django_security_denied { default 0; include "),
    ("no boto3", lambda s: s.local("action = django-security-aws-waf[python=false]"), "action.boto3", "python3-boto3"),
    (
        "a firewall behind a load balancer",
        lambda s: s.trust("10.0.0.0/8").install().local("action = iptables-multiport[iptables=true]"),
        "action.firewall",
        "--front load-balancer",
    ),
    (
        "networks in a set of addresses",
        lambda s: s.install(key="net").local("action = nftables[nftables=true, addr_options=]"),
        "action.networks",
        "nftables-common.local",
    ),
    (
        "bans are written nowhere",
        lambda s: s.local("action = tofile", "         django-security-report[log=/no/security.log]"),
        "report.log",
        "--log",
    ),
)


@pytest.mark.parametrize(
    ("lockouts", "locked"), [({"AXES_FAILURE_LIMIT": 5}, False), ({"AXES_FAILURE_LIMIT": 3}, True)]
)
def test_lockout_that_lets_jails_count(lockouts: dict[str, int], locked: bool) -> None:
    """A lock-out that begins no earlier than a ban is no problem, and none is one while django-locked is on."""
    with healthy() as found:
        found.install(locked=locked).site = replace(found.site, lockouts=lockouts)
        assert [each.id for each in found.problems()] == ["fail2ban.stopped"]


@pytest.mark.parametrize(("broken", "ids", "fix"), [pytest.param(*row[1:], id=row[0]) for row in BROKEN])
def test_broken(broken: Break, ids: str, fix: str) -> None:
    """Each broken set-up is found under its name, with its fix, and nothing else is."""
    with healthy() as found:
        broken(found)
        problems = found.problems()
    assert {each.id for each in problems} == {*ids.split(), "fail2ban.stopped"}, problems
    assert fix in next(each.fix for each in problems if each.id == ids.rsplit(maxsplit=1)[-1])


def test_healthy() -> None:
    """A healthy set-up that runs has no complaint."""
    with healthy() as found:
        start(found)
        assert found.problems() == []


def unloaded(s: SetUp) -> None:
    """Switch a jail on that the server does not know yet."""
    s.jails.rename(s.jails.with_suffix(".off"))
    start(s, ["sshd"])
    s.jails.with_suffix(".off").rename(s.jails)


def taken_away(s: SetUp) -> None:
    """Change the action and reload, after which Fail2ban has neither the old one nor the new one."""
    s.write("action.d/other.conf", "[Definition]\nactionban = true\nactionunban = true\n")
    start(s)
    s.local("action = other")
    s.fail2ban.client("reload")


def outdated(s: SetUp) -> None:
    """Change a limit and forget to reload."""
    start(s)
    s.local("maxretry = 9")


def forgotten(s: SetUp) -> None:
    """Take a jail out of the files of a server that goes on with it."""
    start(s)
    s.write("jail.d/django-security.local", "[django-probe]\nenabled = false\n")


def failing(s: SetUp) -> None:
    """Ban with an action that fails, as a firewall does whose kernel module is missing."""
    s.write("action.d/failing.conf", "[Definition]\nactionban = echo no such chain >&2; false\nactionunban =\n")
    s.local("action = failing")
    start(s)
    s.fail2ban.client("set", "django-auth", "banip", "192.0.2.1")
    s.fail2ban.wait_for(lambda: "Failed to execute ban jail" in s.fail2ban.log, "the failure")


RUNNING: tuple[tuple[str, Break, str, str], ...] = (
    ("a jail is not loaded", unloaded, "jail.not_loaded", "fail2ban-client reload"),
    ("an older configuration runs", outdated, "jail.outdated", "fail2ban-client restart django-auth"),
    ("a reload took the actions away", taken_away, "jail.outdated", "fail2ban-client restart django-auth"),
    ("a jail that is switched off runs", forgotten, "jail.outdated", "fail2ban-client restart django-probe"),
    ("bans fail", failing, "action.fails", "grep -A3 django-auth "),
)


@pytest.mark.parametrize(("broken", "name", "fix"), [pytest.param(*row[1:], id=row[0]) for row in RUNNING])
def test_broken_server(broken: Break, name: str, fix: str) -> None:
    """What only the running server can tell is found too."""
    with healthy() as found:
        broken(found)
        problems = found.problems()
    assert {each.id for each in problems} == {name}, problems
    assert fix in problems[0].fix


def test_proxy_on_this_machine() -> None:
    """Behind nginx on this machine its firewall is the right place, whatever address a container has for nginx."""
    with healthy() as found:
        found.trust("172.17.0.0/16").install(front="nginx").local("action = iptables-multiport[iptables=true]")
        (problem,) = found.problems()
    assert problem.id == "fail2ban.stopped"
    assert re.fullmatch(r"Fail2ban does not run: [^?]+\.sock\.", problem.message), problem.message


def test_failure_is_over() -> None:
    """A ban that failed before the last reload is no complaint any more."""
    with healthy() as found:
        failing(found)
        found.local()
        found.fail2ban.client("unban", "--all")
        reload(Client(found.words))
        assert found.problems() == []


def answering(tmp_path: Path, script: str) -> list[str]:
    """Return a client that answers as the script's `case "$*"` branches say."""
    path = tmp_path / "fail2ban-client"
    path.write_text(f'#!/bin/sh\ncase "$*" in\n{script}\nesac\n')
    path.chmod(0o755)
    return [str(path)]


DENIED = 'echo "ERROR   Permission denied to socket: /f2b.sock"'
ODD: tuple[tuple[str, str, str, str], ...] = (
    (
        "may not be asked",
        f"ping) {DENIED} >&2; exit 255;;",
        "fail2ban.not_allowed",
        "root",
    ),
    (
        "does not answer well",
        'ping) echo "ERROR   could not decode" >&2; exit 255;;',
        "fail2ban.silent",
        "fail2ban-client status",
    ),
    ("is ancient", "version) echo 0.10.2;;", "fail2ban.old", "apt-get upgrade"),
)


@pytest.mark.parametrize(("script", "name", "fix"), [pytest.param(*row[1:], id=row[0]) for row in ODD])
def test_odd_server(tmp_path: Path, script: str, name: str, fix: str) -> None:
    """A server that cannot be asked, or not well, is named with what to do."""
    with healthy() as found:
        found.words = answering(tmp_path, script)
        (problem,) = [each for each in found.problems() if each.id == name]
    assert fix in problem.fix


def test_python_without_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that the system's Python cannot read is named with the package."""
    monkeypatch.setattr("security_logging.fail2ban.checking.jails._SYSTEM_PYTHON", "false")
    with healthy() as found:
        found.install(logtype="journal")
        fixes = {each.fix for each in found.problems() if each.id == "jail.no_journal"}
    assert fixes == {"apt-get install python3-systemd"}


def test_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that this user may not read is not wrong, but could not be checked."""
    read = Path.read_text

    def refuse(path: Path, encoding: str | None = None, errors: str | None = None) -> str:
        if path == found.jails:
            raise PermissionError(13, "Permission denied")
        return read(path, encoding, errors)

    with healthy() as found:
        monkeypatch.setattr(Path, "read_text", refuse)
        names = {each.id for each in found.problems()}
    assert "installed.unreadable" in names


def test_every_kind_has_a_row() -> None:
    """Each kind of problem that is declared is found in a test of this file."""
    found = {name for row in (*BROKEN, *RUNNING, *ODD) for name in row[2].split()}
    alone = {"fail2ban.missing", "fail2ban.stopped", "installed.unreadable", "jail.no_journal"}
    assert found | alone == set(DECLARED)


def run(found: SetUp, *words: str) -> tuple[object, str]:
    """Run the command; return its exit status and what it prints."""
    out = io.StringIO()
    with pytest.raises(SystemExit) as end:
        call_command(
            *("security_fail2ban", "--config", str(found.directory), "--client", shlex.join(found.words)),
            *("check", *words),
            stdout=out,
        )
    return end.value.code, out.getvalue()


def test_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command names each finding with its fix below it, says so with its status, and prints JSON for programs."""
    with healthy() as found:
        monkeypatch.setattr(f"{Command.__module__}.this_site", lambda: found.site)
        status, text = run(found)
        again, data = run(found, "--json")
        start(found)
        fine = run(found)
    assert (status, text.split("\n")[0][:21], text.split("\n")[1]) == (
        1,
        "XX fail2ban.stopped: ",
        "   systemctl start fail2ban",
    )
    assert (again, json.loads(data)["findings"][0]["fix"]) == (1, "systemctl start fail2ban")
    assert fine == (0, "Everything is as it should be.\n")


def test_cannot_look(tmp_path: Path) -> None:
    """Where there is no Fail2ban, or no client of it, the status says that nothing could be checked."""
    with healthy() as found:
        found.words = [str(tmp_path / "none")]
        without_client = run(found)
        found.directory = tmp_path / "none"
        without_directory = run(found)
    assert (without_client[0], without_directory[0]) == (2, 2)
    assert "apt-get install fail2ban" in without_client[1]
