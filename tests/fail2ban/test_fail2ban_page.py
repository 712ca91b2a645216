"""docs/fail2ban.md: its commands work and print what it says."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path

import pytest
from django.core.management import call_command

PAGE = (Path(__file__).parent.parent.parent / "docs" / "fail2ban.md").read_text()
COMMANDS = re.findall(r"^python manage\.py security_fail2ban (.*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("install ")])
def test_install_commands(command: str, tmp_path: Path) -> None:
    """Each `install` of the page is understood, and shows jails that are switched on."""
    out = io.StringIO()
    call_command("security_fail2ban", "--config", str(tmp_path), *shlex.split(command), "--dry-run", stdout=out)
    assert out.getvalue().count("+enabled = true") == 3


def test_explain() -> None:
    """`explain` prints what the page says."""
    command = next(command for command in COMMANDS if command.startswith("explain '"))
    out = io.StringIO()
    call_command("security_fail2ban", *shlex.split(command), stdout=out)
    assert f"```\n{out.getvalue()}```" in PAGE
