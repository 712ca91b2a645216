"""The report action as text: what Fail2ban's shell will write."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import pytest

from security_logging.events.ecs import parse_json
from security_logging.events.event import SecurityEvent
from security_logging.events.line import parse
from security_logging.fail2ban.files.report import render_report_action

FACTS = (
    "time=2026-08-01T12:00:00.123 id=4f1c0a2b9d3e4c5f60718293 jail=django-auth ip=203.0.113.7 net=203.0.113.7 "
    'reason=restored failures=5 duration=-1 bans=2 why=\'"reason":"restored",\' '
    'source=\'"source":{"ip":"203.0.113.7"},\' related=\'"related":{"ip":["203.0.113.7"]},\''
)
WHO = {"ip": "203.0.113.7", "net": "203.0.113.7", "surface": "-", "reason": "restored", "jail": "django-auth"}


def event_of(name: str, form: str) -> SecurityEvent:
    """Return the event that a shell writes with the action's own command."""
    (command,) = re.findall(rf"^_{name}-{form} = (.*)$", render_report_action(), re.MULTILINE)
    line = subprocess.run(["sh", "-c", f"{FACTS}; {command}"], check=True, capture_output=True, text=True, timeout=10)
    read: Callable[[str], SecurityEvent] = parse if form == "text" else parse_json
    return read(line.stdout.rstrip("\n"))


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    ("name", "event_type", "fields"),
    [
        ("banned", "banned", {**WHO, "failures": 5, "duration": -1, "bans": 2}),
        ("unbanned", "unbanned", WHO),
        ("lifted", "unbanned", {**WHO, "ip": "-", "net": "-", "reason": "all"}),
    ],
)
def test_shell_writes_an_event(name: str, event_type: str, fields: dict[str, object], form: str) -> None:
    """What the shell writes is read back as the event that it means."""
    event = event_of(name, form)
    assert (event.type.name, dict(event.fields)) == (event_type, fields)


def test_no_stand_in_is_left() -> None:
    """Every stand-in of the rendering has become a word of the shell."""
    assert re.findall(r"192\.0\.2\.[12]\b|1999-01|REASON|JAIL|\b(?:1111|2222|3333|4194303)\b", _commands()) == []


def _commands() -> str:
    return "\n".join(line for line in render_report_action().splitlines() if " = echo " in line)
