"""docs/operations.md and docs/incident-response.md: nothing is missing, and every command is one that exists."""

from __future__ import annotations

import io
import re
import shlex
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command, load_command_class

from documented import blocks, page
from security_logging.event_types import EVENT_TYPES
from written_log import START, event, write

PAGES = ("operations.md", "incident-response.md")
_COMMAND = re.compile(r"python manage\.py (security_\w+[^`\n|>]*)")
COMMANDS = sorted({found.strip().rstrip(".") for name in PAGES for found in _COMMAND.findall(page(name))})
RUNBOOKS = set(re.findall(r"^### `(\w+)`$", page("incident-response.md"), re.MULTILINE))


@pytest.mark.parametrize("name", [kind.name for kind in EVENT_TYPES if kind.counted_as])
def test_runbook_of_each_counted_event(name: str) -> None:
    """Each event that Fail2ban counts has a runbook under its name."""
    assert name in RUNBOOKS


def test_runbooks_are_of_events() -> None:
    """No runbook is of an event that does not exist."""
    assert RUNBOOKS - {kind.name for kind in EVENT_TYPES} == set()


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
