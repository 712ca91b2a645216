"""docs/fail2ban.md: its commands work and print what it says."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
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


def test_settings_of_roots_own_copy(tmp_path: Path) -> None:
    """The settings that the page gives root's own copy of the package are all that an installation needs."""
    match = re.search(r"<!-- root's settings -->\n\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert match is not None
    (tmp_path / "fail2ban_site.py").write_text(match[1])
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": paths, "DJANGO_SETTINGS_MODULE": "fail2ban_site"}
    words = ["security_fail2ban", "--config", str(tmp_path), "install", "--front", "nginx", "--dry-run"]
    command = [sys.executable, "-m", "django", *words]
    run = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert (run.stdout.count("+enabled = true"), "fail2ban_site.py" in run.stdout) == (3, False)  # nothing to add
