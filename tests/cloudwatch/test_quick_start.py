"""The commands of docs/cloudwatch.md that need no AWS work, word for word, from an empty directory."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from documented import blocks
from free_port import free_port

pytestmark = pytest.mark.end_to_end

PAGE = "cloudwatch.md"
(BLOCK,) = [block for block in blocks(PAGE, "sh") if "moto_server" in block]
SHOWN = next(block for block in blocks(PAGE, "") if re.match(r"\d\d:\d\d:\d\d login_failed", block))


def script() -> str:
    """Return the block but for what is installed already, with a port that is free."""
    port = free_port()
    install, *lines = BLOCK.replace("5000", str(port)).splitlines(keepends=True)
    assert install.startswith("pip install ")
    return "".join(lines)


def run(text: str, directory: Path) -> str:
    """Run the script as somebody at a terminal would, end what it has left running, and return what it printed."""
    ours = ("AWS_", "COV_", "DJANGO_", "PYTEST", "SECURITY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment = {
        **kept,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "TMPDIR": str(directory),
        "NO_PROXY": "127.0.0.1",
        "PYTHONWARNINGS": "ignore",
    }
    shell = subprocess.Popen(
        ["bash", "-euc", text],
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        return shell.communicate(timeout=150)[0]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)


def test_quick_start(tmp_path: Path) -> None:
    """The last command prints the failed login that the page shows, but for the time."""
    printed = run(script(), tmp_path)
    assert printed.splitlines()[-1][9:] == SHOWN.strip()[9:], printed
