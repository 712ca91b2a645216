"""docs/operations.md and docs/incident-response.md: nothing is missing, and every command is one that exists."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from django.core.management import call_command, load_command_class

from documented import README, blocks, page
from patient import healthy
from requires import require_program
from security_logging.events.types import EVENT_TYPES, EventType
from security_logging.operations.doctor import chapters, report
from written_log import START, event, write

PAGES = (README, "operations.md", "incident-response.md")
_COMMAND = re.compile(r"python manage\.py (security_\w+[^`\n|>]*)")
COMMANDS = sorted({found.strip().rstrip(".") for name in PAGES for found in _COMMAND.findall(page(name))})
RUNBOOKS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##)", page("incident-response.md"), re.MULTILINE | re.DOTALL))
JAILS = {
    "normal": "django-auth",
    "probe": "django-probe",
    "locked": "django-locked",
}  # by what an event type is counted as


@pytest.mark.parametrize("kind", [kind for kind in EVENT_TYPES if kind.counted_as], ids=lambda kind: kind.name)
def test_runbook_of_each_counted_event(kind: EventType) -> None:
    """Each event that Fail2ban counts has a runbook under its name, which names the jail that counts it."""
    assert f"`{JAILS[kind.counted_as or '']}`" in RUNBOOKS[kind.name]


@pytest.mark.parametrize("name", RUNBOOKS)
def test_runbook(name: str) -> None:
    """Each runbook is of an event that exists, begins with a severity, and has steps."""
    text = RUNBOOKS[name]
    assert name in {kind.name for kind in EVENT_TYPES}
    assert (bool(re.match(r"\n\*Severity [1-4][. ]", text)), "\n1. " in text) == (True, True)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([a-z]+_[a-z_]+)`", page("incident-response.md")))))
def test_event_that_the_page_names(name: str) -> None:
    """Each event and command that the page names exists."""
    commands = {"security_" + found for found in ("doctor", "drill", "events", "fail2ban")}
    assert name in {kind.name for kind in EVENT_TYPES} | commands


def test_timer(tmp_path: Path) -> None:
    """The units of the schedule are such that systemd understands, but for programs that are not here."""
    require_program("systemd-analyze", "systemd")
    for name, text in zip(("service", "timer"), blocks("incident-response.md", "ini"), strict=True):
        (tmp_path / f"security-drill.{name}").write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "security-drill.timer")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    told = [line for line in done.stderr.splitlines() if "security-drill" in line and "not executable" not in line]
    assert told == []


def test_four_exercises() -> None:
    """There are four exercises, each with its goal and its injects."""
    exercises = re.findall(r"^### \d\. .*?(?=^##)", page("incident-response.md"), re.MULTILINE | re.DOTALL)
    assert [("*Goal: " in text, text.count("| 45 |")) for text in exercises] == [(True, 1)] * 4


@pytest.mark.parametrize("line", COMMANDS)
def test_command(line: str) -> None:
    """A command that a page shows is understood as it stands."""
    name, *words = shlex.split(line)
    parser = load_command_class("security_logging", name).create_parser("manage.py", name)
    parser.parse_args([*words, "203.0.113.7"] if words == ["unban"] else words)


def test_shown_events(tmp_path: Path) -> None:
    """docs/operations.md: the events are shown so."""
    path = write(
        tmp_path / "security.log",
        event(ip="203.0.113.7", surface="admin", reason="bad_credentials", user="alice"),
        event("login", time=START + timedelta(days=1), ip="198.51.100.23", surface="site", user="maren"),
    )
    out = io.StringIO()
    call_command("security_events", "--file", str(path), stdout=out)
    assert out.getvalue() == blocks("operations.md", "")[0]


def test_shown_doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/operations.md: the doctor says these words of a proxy that is not trusted."""
    now = datetime.now(timezone.utc)
    with healthy(tmp_path, monkeypatch) as patient:
        write(patient.log, *[event(time=now, peer="10.0.0.5", ip_reason="not_bannable") for _ in range(40)])
        text = report.as_text(chapters.run(write=False), lambda _code, words: words)
    text = text.replace(str(patient.log.parent), "/var/log/django")
    shown = blocks("operations.md", "")[2].splitlines()
    assert ([line for line in shown if line not in text.splitlines()], len(shown)) == ([], 6)


def test_doctor_in_the_readme() -> None:
    """README.md shows the same words of the doctor."""
    assert blocks("operations.md", "")[2] in blocks(README, "")
