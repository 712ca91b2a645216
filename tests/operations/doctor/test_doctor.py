"""The doctor: a healthy set-up has no complaint, and each broken one is named with its fix."""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.http import HttpRequest
from django.test import override_settings
from django.utils.module_loading import import_string

from fail2ban_server import PrivateFail2ban, short_directory, write_config
from patient import Patient, healthy
from requires import require_root
from security_logging.checks.middleware import MIDDLEWARE
from security_logging.checks.problem import Level, Problem, ok, warning
from security_logging.events.event import SecurityEvent
from security_logging.events.types import WRONG_ADDRESS_SUSPECTED
from security_logging.fail2ban.client import Client
from security_logging.formatters.security import ECSFormatter, SecurityLineFormatter
from security_logging.handlers.file import SecurityFileHandler
from security_logging.handlers.syslog import SyslogHandler
from security_logging.operations.doctor import (
    addresses,
    chapters,
    cloudwatch,
    fail2ban,
    last_day,
    probe,
    report,
    unseen_events,
)
from security_logging.operations.doctor.chapters import Chapter
from written_log import event, write

Break = Callable[[Patient], object]
JAIL = """\
[django-auth]
enabled = true
filter = django-security[mode=normal]
logpath = {0}
maxretry = 4

[django-probe]
enabled = true
filter = django-security[mode=probe]
logpath = {0}
action =
"""


def problems() -> list[Problem]:
    """Return everything that the doctor finds."""
    return [problem for chapter in chapters.run() for problem in chapter.problems]


def complaints() -> dict[str, str]:
    """Return what is wrong or could not be checked: the ids, with messages and fixes."""
    wrong: dict[str, str] = {}
    for problem in problems():
        if problem.level not in (Level.OK, Level.NOTE):
            wrong[problem.id] = f"{wrong.get(problem.id, '')}{problem.message} {problem.fix}\n"
    return wrong


def believes_headers(request: HttpRequest) -> object:
    """Return what anybody claims, as a careless project does."""
    return request.META.get("HTTP_X_FORWARDED_FOR") or request.META["REMOTE_ADDR"]


def fails(request: HttpRequest) -> object:
    """Return nothing at all."""
    raise RuntimeError


def clients(number: int, name: str = "login_failed", **fields: str | int) -> Break:
    """Return a way to log so many events of the last hour."""
    now = datetime.now(timezone.utc)

    def log(patient: Patient) -> None:
        events = [event(name, now - timedelta(seconds=second), **fields) for second in range(number)]
        write(patient.log, *events)

    return log


def setting(name: str, value: object) -> Break:
    """Return a way to set a setting."""
    return lambda patient: patient.settings.update({name: value})


def without_middleware(patient: Patient) -> None:
    """Leave ours out."""
    patient.settings["MIDDLEWARE"] = [path for path in settings.MIDDLEWARE if path != MIDDLEWARE]


def late_middleware(patient: Patient) -> None:
    """Put ours last."""
    patient.settings["MIDDLEWARE"] = [*(path for path in settings.MIDDLEWARE if path != MIDDLEWARE), MIDDLEWARE]


def silent_class(patient: Patient) -> None:
    """Cut the events of one class off from the handlers."""
    logging.getLogger(f"{patient.logger.name}.account").propagate = False


def disabled_class(patient: Patient) -> None:
    """Disable a logger, as disable_existing_loggers does."""
    logging.getLogger(f"{patient.logger.name}.probe").disabled = True


def bare_formatter(patient: Patient) -> None:
    """Write in a format that no filter reads."""
    patient.use(SecurityFileHandler(patient.log), logging.Formatter("%(message)s"))


def another_directory(patient: Patient) -> None:
    """Write into a directory that does not exist."""
    patient.use(SecurityFileHandler(patient.log.parent / "nowhere" / "security.log"), SecurityLineFormatter())


def nothing_installed(patient: Patient) -> None:
    """Leave Fail2ban as its package installs it."""
    shutil.rmtree(patient.configuration)
    patient.configuration.mkdir()


def locked_out(patient: Patient) -> None:
    """The administrator, logged in by SSH, mistypes a password."""
    patient.monkeypatch.setenv("SSH_CONNECTION", "203.0.113.7 50000 10.0.0.9 22")
    patient.fail2ban.banned = ("203.0.113.7",)
    clients(3, ip="203.0.113.7")(patient)


def location_without_header(patient: Patient) -> None:
    """One location of nginx names no client."""
    clients(20, ip="203.0.113.9", path="/accounts/login/")(patient)
    clients(5, ip_reason="trusted_proxy", path="/shop/login/")(patient)


def root_wrote_first(patient: Patient) -> None:
    """Leave a log that root began in the directory of the site's user."""
    require_root()
    os.chown(patient.log.parent, 65534, 65534)
    os.chown(patient.log, 0, 0)


def lost_line(patient: Patient) -> None:
    """Let the handler write nothing."""
    patient.handler.emit = lambda record: None  # type: ignore[method-assign]  # breaks it on purpose


def glued_line(patient: Patient) -> None:
    """Let something of another program stand before the line."""
    patient.handler.setFormatter(GluedFormatter())


class GluedFormatter(SecurityLineFormatter):
    """Writes a prefix that does not belong there."""

    def format(self, record: logging.LogRecord) -> str:
        return f"app_1 | {super().format(record)}"


BROKEN: tuple[tuple[str, Break, str, str], ...] = (
    ("the middleware is missing", without_middleware, "check.W101", "lacks security_logging.middleware"),
    ("the middleware stands too late", late_middleware, "check.W102", "as the first entry"),
    ("a setting is misspelt", setting("SECURITY_LOGGING_TRUSTED_PROXY", ()), "check.E008", "TRUSTED_PROXIES?"),
    (
        "a proxy is no network",
        setting("SECURITY_LOGGING_TRUSTED_PROXIES", ["10.0.0.0/33"]),
        "check.E001",
        "10.0.0.0/33",
    ),
    (
        "clients are trusted",
        setting("SECURITY_LOGGING_TRUSTED_PROXIES", ["203.0.113.0/24"]),
        "address.forged",
        "List only",
    ),
    (
        "the resolver believes everybody",
        setting("SECURITY_LOGGING_CLIENT_IP_RESOLVER", believes_headers),
        "address.forged",
        "check REMOTE_ADDR first",
    ),
    ("everybody is trusted", setting("SECURITY_LOGGING_TRUSTED_PROXIES", ["0.0.0.0/0"]), "address.proxy", "names - ("),
    ("no handler", lambda p: p.logger.removeHandler(p.handler), "logger.no_handler", "a handler, and let"),
    ("one class has no handler", silent_class, "logger.no_handler", ".account'"),
    ("one class is disabled", disabled_class, "logger.disabled", '"disable_existing_loggers": False'),
    ("the level swallows logins", lambda p: p.logger.setLevel("WARNING"), "logger.level", "login, logout"),
    ("the handler's level does", lambda p: p.handler.setLevel("ERROR"), "logger.level", "login_failed"),
    (
        "all logging is off",
        lambda p: p.monkeypatch.setattr(logging.root.manager, "disable", 50),
        "logging.disabled",
        "disable()",
    ),
    ("no format of ours", bare_formatter, "file.format", "SecurityLineFormatter"),
    ("no directory", another_directory, "check.W021", "install -d"),
    ("no log file", lambda p: p.log.unlink(), "file.missing", "install -m 0640 -o www-data"),
    ("root wrote first", root_wrote_first, "file.owner", "chown www-data:adm"),
    ("everybody may write", lambda p: p.log.chmod(0o666), "file.writable", "chmod 0640"),
    ("everybody may read", lambda p: p.log.chmod(0o644), "file.readable", "chmod 0640"),
    ("everybody may rename", lambda p: p.log.parent.chmod(0o777), "directory.writable", "chmod o-w"),
    ("the disk is nearly full", lambda p: p.free(99), "disk", "Only 99 MB are free"),
    ("the disk gets full", lambda p: p.free(999), "disk", "let logrotate rotate more often"),
    ("the line gets lost", lost_line, "probe.lost", "did not arrive in"),
    ("the line is damaged", glued_line, "probe.damaged", "let no other program write into the file"),
    (
        "a proxy that is not trusted",
        clients(40, peer="10.0.0.5", ip_reason="not_bannable"),
        "history.address",
        'SECURITY_LOGGING_TRUSTED_PROXIES = ("10.0.0.5",)',
    ),
    (
        "a proxy without its header",
        clients(40, peer="127.0.0.1", ip_reason="trusted_proxy"),
        "history.address",
        "proxy_set_header X-Forwarded-For",
    ),
    ("an untrusted unix socket", clients(40, ip_reason="no_peer"), "history.address", '("unix:",)'),
    ("a CDN that is not trusted", clients(40, ip="104.16.0.9"), "history.address", '("cloudflare",)'),
    ("an intranet's proxy", clients(40, ip="10.0.0.5"), "history.address", "a private address"),
    (
        "forwarded for others",
        clients(40, ip="198.51.100.9", claimed="203.0.113.7"),
        "history.address",
        "forwarding headers",
    ),
    (
        "a clock that is wrong",
        lambda p: write(p.log, event(time=datetime(2099, 1, 1, tzinfo=timezone.utc))),
        "history.clock",
        "NTP",
    ),
    ("somebody else writes the file", lambda p: write(p.log, "hello"), "history.strange", "1 lines"),
    ("Fail2ban knows nothing of us", nothing_installed, "fail2ban.not_installed", "security_fail2ban install"),
    ("the filter is missing", lambda p: p.filter.unlink(), "installed.missing", "security_fail2ban install"),
    (
        "the filter is stale",
        lambda p: p.filter.write_text("[Definition]\n"),
        "installed.stale",
        "security_fail2ban install",
    ),
    (
        "Fail2ban does not answer",
        lambda p: setattr(p.fail2ban, "problem", "Is fail2ban running?"),
        "fail2ban.stopped",
        "systemctl start fail2ban",
    ),
    ("no jail of ours", lambda p: setattr(p.fail2ban, "running", ["sshd"]), "jail.none", "None of our jails"),
    ("a jail reads another file", lambda p: setattr(p.fail2ban, "read", ("/x.log",)), "jail.logpath", "logpath = /"),
    ("your own address in the log", locked_out, "history.own_address", "install --never-ban 203.0.113.7"),
    ("your own address is banned", locked_out, "fail2ban.own_address", "unban 203.0.113.7"),
    ("a location without the header", location_without_header, "history.location", "All 5 events below /shop/ have"),
    ("a jail without an action", lambda p: setattr(p.fail2ban, "acts", False), "jail.no_action", "has no action"),
)


@pytest.mark.parametrize(("broken", "name", "fix"), [pytest.param(*row[1:], id=row[0]) for row in BROKEN])
def test_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Break, name: str, fix: str) -> None:
    """Each broken set-up is found, under its name and with its fix."""
    with healthy(tmp_path, monkeypatch) as patient:
        broken(patient)
        with override_settings(**patient.settings):
            assert fix in complaints().get(name, "(not found)")


def test_fail2ban_that_knows_nothing_of_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Fail2ban is not meant to read the log, that is one warning: no event is lost by it."""
    with healthy(tmp_path, monkeypatch) as patient:
        nothing_installed(patient)
        assert [problem.level for problem in fail2ban.check_fail2ban()] == [Level.WARNING]


def test_healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A healthy set-up has no complaint."""
    with healthy(tmp_path, monkeypatch):
        assert complaints() == {}


def test_honest_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day with many clients, one of whom tries again and again, is no reason for a suspicion."""
    with healthy(tmp_path, monkeypatch) as patient:
        for address in ("203.0.113.7", "198.51.100.4", "192.0.2.1"):
            clients(20, ip=address)(patient)
        clients(5, "user_created", peer="10.0.0.5")(patient)
        assert complaints() == {}


def test_attacker_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single attacker on a quiet day is an attacker, and no proxy."""
    with healthy(tmp_path, monkeypatch) as patient:
        clients(40, ip="203.0.113.7")(patient)
        assert complaints() == {}


def test_few_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a few events nothing is concluded."""
    with healthy(tmp_path, monkeypatch) as patient:
        clients(5, peer="10.0.0.5", ip_reason="not_bannable")(patient)
        assert complaints() == {}


def test_events_of_yesterday(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was wrong two days ago may be right by now."""
    old = datetime.now(timezone.utc) - timedelta(days=2)
    with healthy(tmp_path, monkeypatch) as patient:
        write(patient.log, *[event(time=old, peer="10.0.0.5", ip_reason="not_bannable")] * 40)
        assert complaints() == {}


def test_empty_day(tmp_path: Path) -> None:
    """A log without a recent event is worth a note."""
    found = list(last_day.check_last_day(write(tmp_path / "security.log")))
    assert [(problem.id, problem.level) for problem in found] == [("history.empty", Level.NOTE)]


def test_day_without_clients(tmp_path: Path) -> None:
    """A log with nothing but the doctor's own probe has no event of a client, and so none with an age."""
    path = write(tmp_path / "security.log", event("drill", datetime.now(timezone.utc), step="doctor"))
    assert next(last_day.check_last_day(path)).message == f"{path}: no event of a client in the last day."


def test_suspicion_is_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, captured: list[SecurityEvent]) -> None:
    """A suspicion is an event too, so that an alarm can hear of it."""
    with healthy(tmp_path, monkeypatch) as patient:
        clients(40, peer="10.0.0.5", ip_reason="not_bannable")(patient)
        problems()
    told = [found.fields for found in captured if found.type is WRONG_ADDRESS_SUSPECTED]
    assert [(fields["peer"], fields["count"], fields["reason"]) for fields in told] == [
        ("10.0.0.5", 40, "not_bannable")
    ]


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without leave to write, the log stays as it is."""
    with healthy(tmp_path, monkeypatch) as patient:
        clients(40, peer="10.0.0.5", ip_reason="not_bannable")(patient)
        before = patient.log.read_bytes()
        chapters.run(write=False)
        assert patient.log.read_bytes() == before


def test_many_addresses_in_bounded_memory() -> None:
    """An attacker who invents addresses costs no memory without bound."""
    found = last_day.ClientCounts(capacity=3)
    for number in (1, 2, 3, 4, 1):
        found.add(event(ip=f"203.0.113.{number}"))
    assert (found.clients, dict(found.addresses)) == (5, {"203.0.113.1": 2, "203.0.113.2": 1, "203.0.113.3": 1})


def test_no_file_of_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root does not create the log: the web server's user could not write it afterwards."""
    with healthy(tmp_path, monkeypatch) as patient:
        patient.log.unlink()
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        found = type("Found", (), {"st_uid": 33, "st_mode": stat.S_IFDIR | 0o750})
        real = Path.stat
        monkeypatch.setattr(Path, "stat", lambda path, **kw: found if path == patient.log.parent else real(path, **kw))
        assert [problem.level for problem in probe.check_arrival()] == [Level.UNKNOWN]
        assert not patient.log.exists()


def test_drill_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the event `drill` there is no probe, and the doctor says why."""
    with healthy(tmp_path, monkeypatch), override_settings(SECURITY_LOGGING_EVENTS={"drill": False}):
        assert "switches the event drill off" in complaints()["probe"]


def test_late_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that comes a moment later is waited for."""
    with healthy(tmp_path, monkeypatch) as patient:
        monkeypatch.setattr(probe, "SECONDS", 60)
        late: list[logging.LogRecord] = []
        emit = patient.handler.emit
        patient.handler.emit = late.append  # type: ignore[assignment, method-assign]  # holds the line back
        monkeypatch.setattr("time.sleep", lambda seconds: emit(late.pop()))
        assert [problem.level for problem in probe.check_arrival()] == [Level.OK]


def test_json_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A set-up with a JSON file alone is told what Fail2ban needs."""
    with healthy(tmp_path, monkeypatch) as patient:
        patient.use(SecurityFileHandler(patient.log), ECSFormatter())
        assert next(problem.id for problem in problems() if problem.level is Level.NOTE) == "sink.no_line"


def test_no_file_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing writes a file, the day cannot be read and a jail that reads one reads another's."""
    with healthy(tmp_path, monkeypatch) as patient:
        patient.use(logging.StreamHandler(io.StringIO()), SecurityLineFormatter())
        found = complaints()
    assert ("no log file to read" in found["history"], 'build_logging("file")' in found["site.no_log"]) == (True, True)


def test_no_fail2ban_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a configuration of Fail2ban is not looked at, and lacks no filter."""
    with healthy(tmp_path, monkeypatch):
        monkeypatch.setattr("security_logging.operations.doctor.fail2ban.CONFIGURATION", tmp_path / "none")
        assert list(complaints()) == ["fail2ban.missing"]


@pytest.mark.parametrize(
    ("proxies", "title", "answer"),
    [
        ((), "203.0.113.7 through a proxy on this machine (127.0.0.1)", "- (not_bannable)"),
        (("nginx",), "203.0.113.7 through nginx (127.0.0.1)", "203.0.113.7"),
        (("10.0.0.0/8",), "203.0.113.7 through 10.0.0.0/8 (10.0.0.1)", "203.0.113.7"),
        (("10.1.1.1",), "203.0.113.7 through 10.1.1.1", "203.0.113.7"),
        (("unix:",), "203.0.113.7 through a unix socket", "203.0.113.7"),
        (("fly",), "203.0.113.7 through fly (172.16.0.1)", "203.0.113.7"),
        (("nonsense",), "203.0.113.7 directly", "203.0.113.7"),
        ("nginx", "203.0.113.7 directly", "203.0.113.7"),
    ],
)
def test_address_cases(proxies: object, title: str, answer: str) -> None:
    """The report shows what the settings make of typical requests."""
    with override_settings(SECURITY_LOGGING_TRUSTED_PROXIES=proxies):
        messages = [problem.message for problem in addresses.check_addresses()]
    assert f"{title}: {answer}" in messages


def test_resolver_that_is_careful() -> None:
    """A project's own function that names nobody by a forged header is no complaint."""
    with override_settings(SECURITY_LOGGING_CLIENT_IP_RESOLVER=fails):
        assert {problem.level for problem in addresses.check_addresses()} == {Level.OK}


def cloudwatch_that(monkeypatch: pytest.MonkeyPatch, local: dict[str, Any], remote: dict[str, Any]) -> None:
    """Let the status of the way to CloudWatch be this one."""
    answers: dict[str, Any] = {
        "reading.status.local_status": lambda path: {"directory": "/spool", "spool_bytes": 0, "refused": 0, **local},
        "reading.status.remote_status": lambda logs, group: {"group": group, **remote},
        "credentials.connect": lambda service: None,
        "names.log_group": lambda: "/shop/production/security",
    }
    monkeypatch.setattr(
        cloudwatch,
        "import_string",
        lambda path: answers.get(path.removeprefix("security_logging.cloudwatch.")) or import_string(path),
    )


@override_settings(SECURITY_LOGGING_CLOUDWATCH_SITE="shop")
def test_cloudwatch_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where CloudWatch is used, the doctor shows how late it is and what is wrong with it."""
    remote = {"last_event_seconds": 7, "last_heartbeat_seconds": 7, "retention_days": 400}
    cloudwatch_that(monkeypatch, {"refused": 3}, remote)
    assert [(each.id, each.level, each.message) for each in cloudwatch.check_cloudwatch()] == [
        ("cloudwatch.problem", Level.WARNING, "CloudWatch refused 3 events."),
        ("cloudwatch", Level.OK, "The last event in /shop/production/security is 7 seconds old."),
    ]


@override_settings(SECURITY_LOGGING_CLOUDWATCH_SITE="shop")
def test_cloudwatch_that_has_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """When CloudWatch refuses to answer, what it has is unknown, and the doctor says so once."""
    cloudwatch_that(monkeypatch, {}, {"error": "AccessDenied"})
    assert [(each.level, each.message) for each in cloudwatch.check_cloudwatch()] == [
        (Level.UNKNOWN, "CloudWatch cannot be asked: AccessDenied.")
    ]


def test_cloudwatch_without_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without boto3 the doctor goes on, and says why it did not look."""

    def missing(path: str) -> object:
        raise ImportError("No module named 'boto3'")

    monkeypatch.setattr(cloudwatch, "import_string", missing)
    with override_settings(SECURITY_LOGGING_CLOUDWATCH_SITE="shop"):
        assert [(found.id, found.level) for found in cloudwatch.check_cloudwatch()] == [("cloudwatch", Level.UNKNOWN)]


@pytest.mark.parametrize(("has_arrived", "name"), [(True, "probe"), (False, "probe.late")])
def test_probe_at_cloudwatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, has_arrived: bool) -> None:
    """Where CloudWatch is used, the probe event is looked for there."""
    asked: list[str] = []

    def has(event_id: str) -> bool:
        asked.append(event_id)
        return has_arrived

    monkeypatch.setattr(cloudwatch, "look_up", lambda: has)
    with healthy(tmp_path, monkeypatch) as patient, override_settings(SECURITY_LOGGING_CLOUDWATCH_SITE="shop"):
        found = list(probe.check_arrival())[-1]
        assert (found.id, asked[0] in patient.log.read_text()) == (name, True)


def test_probe_at_a_cloudwatch_that_cannot_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where CloudWatch cannot be asked, that is said."""
    monkeypatch.setattr(cloudwatch, "import_string", lambda path: 1 / 0)
    with healthy(tmp_path, monkeypatch), override_settings(SECURITY_LOGGING_CLOUDWATCH_SITE="shop"):
        assert [found.id for found in probe.check_arrival()] == ["probe", "probe.cloudwatch"]


@pytest.fixture
def log_server() -> Iterator[socket.socket]:
    """Yield a log server that takes datagrams."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        yield server


def test_probe_at_a_log_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log_server: socket.socket) -> None:
    """The probe event goes out to a log server, which cannot be asked for it."""
    url = f"udp://127.0.0.1:{log_server.getsockname()[1]}"
    with healthy(tmp_path, monkeypatch) as patient:
        patient.use(SyslogHandler(url), None)
        (found,) = probe.check_arrival()
    assert found.message == f"The probe event was sent to {url}, which does not confirm it."
    assert b"step=doctor" in log_server.recv(4096)


@pytest.mark.parametrize("scheme", ["unix://{}/nobody.sock", "tcp://127.0.0.1:1"])
def test_log_server_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], scheme: str
) -> None:
    """A log server that is not there is an error, whether the event waits for it or was given up."""
    with healthy(tmp_path, monkeypatch) as patient:
        patient.use(SyslogHandler(scheme.format(tmp_path)), None)
        (found,) = probe.check_arrival()
        patient.handler.close()
    assert (found.id, found.level) == ("probe.unsent", Level.ERROR)


@override_settings(SECURITY_LOGGING_EVENTS={"logout": False, "mfa_failed": False})
def test_unseen_events() -> None:
    """What is switched off and what no package can cause is named; what is switched off is not missed twice."""
    messages = [problem.message for problem in unseen_events.check_coverage()]
    assert messages == [
        "SECURITY_LOGGING_EVENTS switches off: logout, mfa_failed.",
        "login_locked cannot happen: INSTALLED_APPS has no lock-out (axes, allauth.account).",
    ]


def test_app_that_nothing_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    """An app that no integration watches is named, with what to do about it."""
    monkeypatch.setattr(unseen_events, "UNWATCHED", {"rest_framework": "token_failed", "ninja": "token_failed"})
    found = [problem for problem in unseen_events.check_coverage() if problem.id == "unseen.unwatched"]
    assert [(f.message, 'log_event("token_failed"' in f.fix) for f in found] == [
        ("rest_framework is installed, but there is no integration that logs its token_failed.", True)
    ]


def test_no_blind_spot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every event can happen, that is said."""
    monkeypatch.setattr(unseen_events, "NEEDS", ())
    assert [problem.id for problem in unseen_events.check_coverage()] == ["coverage"]


def test_check_that_fails() -> None:
    """A check that fails is a problem of its own; what it found before stays, and the next check runs."""

    def check() -> Any:
        yield ok("first", "It is right.")
        raise RuntimeError("oops")

    found = chapters.run_checks(check, lambda: iter([ok("last", "")]))
    assert [(problem.id, problem.message) for problem in found] == [
        ("first", "It is right."),
        ("failed", "This check failed: RuntimeError: oops."),
        ("last", ""),
    ]


def run(*arguments: str, **options: object) -> tuple[int, str]:
    """Run the command; return its exit status and what it prints."""
    out = io.StringIO()
    try:
        call_command("security_doctor", *arguments, stdout=out, **options)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def test_one_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command prints one screen, and its exit status says that all is well."""
    with healthy(tmp_path, monkeypatch) as patient:
        status, text = run()
    assert (status, text.splitlines()[-1], f"  ok The jail django-auth reads {patient.log}" in text) == (
        0,
        "Everything works.",
        True,
    )
    assert len(text.splitlines()) < 50


def test_screen_of_a_broken_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A problem has its mark in front and its fix below."""
    with healthy(tmp_path, monkeypatch) as patient:
        patient.log.chmod(0o666)
        status, text = run("--force-color")
    lines = text.splitlines()
    place = next(index for index, line in enumerate(lines) if "XX" in line)
    assert (status, "\x1b[31mXX\x1b[0m Every user of" in lines[place], "chmod 0640" in lines[place + 1]) == (
        1,
        True,
        True,
    )


def test_something_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where something could not be checked, the doctor does not say that everything works, and its status is 2."""
    with healthy(tmp_path, monkeypatch) as patient:
        patient.log.chmod(0o660)  # an empty log that root alone may write is a complaint of its own
        monkeypatch.setattr(fail2ban, "CONFIGURATION", tmp_path / "none")
        status, text = run("--no-write")
    verdict = "No problem was found, but some things could not be checked (??)."
    assert (status, text.splitlines()[-1]) == (2, verdict)


def test_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --json programs get the same, and the status; with --no-write nothing is written."""
    with healthy(tmp_path, monkeypatch) as patient:
        patient.free(500)
        patient.log.chmod(0o660)  # an empty log that root alone may write is a complaint of its own
        status, text = run("--json", "--no-write")
        assert patient.log.read_bytes() == b""
    found = json.loads(text)
    bad = [each["name"] for each in found["findings"] if each["level"] == "warning"]
    assert (status, found["status"], bad) == (1, 1, ["disk"])


def test_hostile_name_in_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a message holds cannot steer the terminal."""
    with healthy(tmp_path, monkeypatch) as patient:
        patient.fail2ban.problem = (
            "2026-11-21 09:00:14,308 fail2ban [12171]: ERROR   \x1b[2JFailed to access socket path."
        )
        text = run()[1]
    assert "Fail2ban cannot be asked: \\x1b[2JFailed to access socket path.\n" in text


@pytest.mark.real_fail2ban
def test_real_fail2ban(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answers of the real server are understood."""
    with healthy(tmp_path, monkeypatch) as patient, short_directory() as directory:
        write_config(directory, JAIL.format(patient.log))
        with PrivateFail2ban(directory):
            paths = ("-c", str(directory), "-s", f"{directory}/f2b.sock", "-p", f"{directory}/f2b.pid")
            monkeypatch.setattr(
                "security_logging.operations.doctor.fail2ban.Client", lambda: Client(("fail2ban-client", *paths))
            )
            found = list(fail2ban.check_fail2ban())
    messages = {(problem.id, problem.message) for problem in found}
    assert messages >= {
        ("jail", f"The jail django-auth reads {patient.log}, bans after 4 failures, 0 banned now."),
        ("jail", f"The jail django-probe reads {patient.log}, bans after 3 failures, 0 banned now."),
        ("jail.no_action", "The jail django-probe has no action that bans."),
    }


@pytest.mark.parametrize("width", [0, 40])
def test_width(width: int) -> None:
    """In a terminal messages are wrapped behind their mark; a fix stays whole, so that its command can be copied."""
    fix = "Create it: install -m 0640 -o www-data /dev/null /var/log/django/security.log"
    found = warning("file.missing", "/var/log/django/security.log does not exist yet; so be it.", fix)
    text = report.as_text([Chapter("Files", (found,))], lambda _code, words: words, width)
    message = ["  !! /var/log/django/security.log does not exist yet; so be it."]
    wrapped = ["  !! /var/log/django/security.log does", "     not exist yet; so be it."]
    assert text.splitlines()[1:-2] == [*(wrapped if width else message), f"     {fix}"]
