"""Bans and unbans come back into the security log, as events like all others."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fail2ban_server import PrivateFail2ban, short_directory, write_config
from security_logging.events.ecs import parse_json
from security_logging.events.event import SecurityEvent, make_event
from security_logging.events.line import parse, render
from security_logging.events.types import LOGIN_FAILED
from security_logging.formatters.security import ECSFormatter

pytestmark = pytest.mark.real_fail2ban

JAIL = """
[{1}]
enabled = true
filter = django-security[mode=aggressive, logtype={2}]
maxretry = 1
bantime = 600
logpath = {0}/{4}.log
action = tofile
         django-security-report[log="{0}/{5}{1}.log", form={3}]
"""
READERS: dict[str, Callable[[str], SecurityEvent]] = {"text": parse, "json": parse_json}
WRITERS: dict[str, Callable[[SecurityEvent], str]] = {
    "text": render,
    "json": lambda event: ECSFormatter().format(record_of(event)),
}


class Report:
    """A Fail2ban with one jail for a log in text and one for a log in JSON."""

    def __init__(self, directory: Path) -> None:
        """Write the configuration and the logs."""
        self.directory = directory
        for form in READERS:
            self.log(form).touch()
        text, ecs = (directory, "text", "file", "text", "text", ""), (directory, "json", "json", "json", "json", "")
        # Nobody reads the logs that these report to.
        unread = (directory, "unread", "file", "text", "text", "")
        linked = (directory, "linked", "file", "text", "text", "logs/")
        write_config(directory, "".join(JAIL.format(*jail) for jail in (text, ecs, unread, linked)))
        self.fail2ban = PrivateFail2ban(directory)

    def log(self, form: str) -> Path:
        """Return the path of a log."""
        return self.directory / f"{form}.log"

    def lines(self, form: str) -> list[str]:
        """Return the lines of a log."""
        return self.log(form).read_text().splitlines()

    def wait_for_lines(self, form: str, number: int) -> list[SecurityEvent]:
        """Wait until the log has that many lines and return them as events."""
        self.fail2ban.wait_for(lambda: len(self.lines(form)) >= number, f"{number} lines")
        return [READERS[form](line) for line in self.lines(form)]


@pytest.fixture
def report() -> Iterator[Report]:
    """A running Fail2ban whose jails report."""
    with short_directory() as directory:
        found = Report(directory)
        with found.fail2ban:
            yield found


def record_of(event: SecurityEvent) -> logging.LogRecord:
    """Return the record that the application would log for the event."""
    record = logging.LogRecord("security.response", event.type.level, "", 0, "", None, None)
    record.security_event = event
    return record


def facts(event: SecurityEvent) -> dict[str, object]:
    """Return what an event says, with numbers as numbers."""
    return {"event": event.type.name, **{name: value for name, value in event.fields.items() if value != "-"}}


@pytest.mark.parametrize("form", READERS)
@pytest.mark.parametrize(
    ("banned", "who"),
    [
        ("203.0.113.7", {"ip": "203.0.113.7", "net": "203.0.113.7"}),
        ("2001:db8::7", {"ip": "2001:db8::7", "net": "2001:db8::/64"}),
        ("2001::1:2:3:4:5", {"ip": "2001::1:2:3:4:5", "net": "2001:0:0:1::/64"}),
        ("2001:db8:1:2::/64", {"net": "2001:db8:1:2::/64"}),
        ("::1:2:3", {"ip": "::1:2:3", "net": "::/64"}),
    ],
)
def test_ban_and_unban(report: Report, form: str, banned: str, who: dict[str, str]) -> None:
    """A ban and its end are two events with address, network, jail, failures and duration."""
    report.fail2ban.ban(form, banned)
    report.wait_for_lines(form, 1)
    report.fail2ban.unban(form, banned)
    first, second = map(facts, report.wait_for_lines(form, 2))
    numbers = {name: int(str(first.pop(name))) for name in ("failures", "duration", "bans")}
    assert (first, numbers["duration"]) == ({"event": "banned", "jail": form, **who}, 600)
    assert second == {"event": "unbanned", "jail": form, **who}


@pytest.mark.parametrize("form", READERS)
def test_written_as_the_application_writes(report: Report, form: str) -> None:
    """A line of the action is the very line that the application would write for the event."""
    report.fail2ban.ban(form, "2001:db8::7", "2001:db8:1:2::/64")
    report.fail2ban.client("unban", "--all")
    events = report.wait_for_lines(form, 3)
    assert report.lines(form) == [WRITERS[form](event) for event in events]


def test_unban_all_again(report: Report) -> None:
    """That all bans were lifted is written each time, for each family that was banned."""
    report.fail2ban.ban("text", "203.0.113.7", "2001:db8::7")
    report.wait_for_lines("text", 2)
    report.fail2ban.client("unban", "--all")
    report.wait_for_lines("text", 4)
    report.fail2ban.ban("text", "203.0.113.8")
    report.wait_for_lines("text", 5)
    report.fail2ban.client("unban", "--all")
    assert [event.type.name for event in report.wait_for_lines("text", 6)][4:] == ["banned", "unbanned"]


@pytest.mark.parametrize("form", READERS)
def test_never_counted(report: Report, form: str) -> None:
    """What the action writes is read by the jail and not counted."""
    report.fail2ban.ban(form, "203.0.113.7")
    report.wait_for_lines(form, 1)
    report.fail2ban.unban(form, "203.0.113.7")
    report.wait_for_lines(form, 2)
    failure = make_event(LOGIN_FAILED, ip="203.0.113.9", net="203.0.113.9")
    with report.log(form).open("a") as log:
        log.write(WRITERS[form](failure) + "\n")
    report.fail2ban.wait_for(lambda: f"ban {form} 203.0.113.9" in report.fail2ban.actions, "a genuine ban")
    assert report.fail2ban.log.count(f"[{form}] Found ") == 1


def test_survives_rotation(report: Report) -> None:
    """After logrotate has renamed the log, the next ban is in the new one."""
    report.log("text").rename(report.directory / "text.log.1")
    report.log("text").touch()
    report.fail2ban.ban("text", "203.0.113.7")
    assert [event.type.name for event in report.wait_for_lines("text", 1)] == ["banned"]


def test_restart(report: Report) -> None:
    """A restart says that all bans were lifted, and which of them are back."""
    report.fail2ban.ban("text", "203.0.113.7")
    report.wait_for_lines("text", 1)
    report.fail2ban.stop()
    report.fail2ban.start()
    reasons = [(event.type.name, event.fields["reason"]) for event in report.wait_for_lines("text", 3)]
    assert reasons == [("banned", "-"), ("unbanned", "all"), ("banned", "restored")]


@pytest.mark.parametrize("trap", ["nothing", "link", "pipe"])
def test_only_an_existing_log(report: Report, trap: str) -> None:
    """Root neither creates the log, nor follows a link that the site's user put there, nor waits at a pipe."""
    elsewhere = report.directory / "elsewhere"
    elsewhere.write_text("untouched\n")
    log = report.log("unread")
    if trap == "link":
        log.symlink_to(elsewhere)
    elif trap == "pipe":
        os.mkfifo(log)
    report.fail2ban.ban("unread", "203.0.113.7")
    report.fail2ban.wait_for(lambda: "failed to open" in report.fail2ban.log, "the refusal")
    assert (elsewhere.read_text(), log.exists()) == ("untouched\n", trap != "nothing")


def test_link_in_the_path(report: Report) -> None:
    """Root does not follow a link that the site's user put in the place of the log's directory."""
    (report.directory / "logs").symlink_to(report.directory)
    (report.directory / "linked.log").touch()
    report.fail2ban.ban("linked", "203.0.113.7")
    report.fail2ban.wait_for(lambda: "a link leads to" in report.fail2ban.log, "the refusal")
    assert report.lines("linked") == []


def test_no_address(report: Report) -> None:
    """What is no address is not written."""
    report.fail2ban.client("set", "text", "banip", 'x" ip=198.51.100.1', "203.0.113.7\n198.51.100.1")
    report.fail2ban.wait_for(lambda: report.fail2ban.log.count("not an address") >= 2, "the refusals")
    assert report.lines("text") == []
