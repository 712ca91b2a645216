"""CONTRIBUTING.md: its map has every room, its table every target of make, and its examples work."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from documented import DOCS, blocks, page
from requires import require_program

PROJECT = DOCS.parent
PAGE = "../CONTRIBUTING.md"
IMPLIED = {"__init__", "apps", "settings", "testing", "data", "py"}  # no question leads there

_SEND = """
import logging, logging.config, sys
from security_logging.logging_config import build_logging
config = build_logging("graylog", streams="security")
config["handlers"]["security_graylog"]["port"] = int(sys.argv[1])
logging.config.dictConfig(config)
logging.getLogger("security").warning("sold out")
"""


def test_map() -> None:
    """Each folder and module of the package is on the map, and each that the map names is there."""
    table = page(PAGE).partition("| question | room |")[2].partition("\n\n")[0]
    named = re.findall(r"`([a-z0-9_]+)(?:/|\.py)", table)
    package = PROJECT / "security_logging"
    there = {path.stem for path in package.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))}
    missing = [name for name in named if not any(package.rglob(f"{name}*"))]
    assert (there - IMPLIED - set(named), missing) == (set(), [])


@pytest.mark.parametrize(
    ("question", "file"),
    [
        ("Whose address is it?", "addresses/client_ip.py"),
        ("the line and the JSON", "events/line.py"),
        ("allauth", "integrations/allauth.py"),
        ("What do filter, jails and actions say?", "../fail2ban/action.d/django-security-nginx.conf"),
        ("What do the doctor", "operations/doctor/log_files.py"),
        ("CloudWatch, and what is set up there", "cloudwatch/setup/metrics.py"),
        ("the queue, retries", "internal/queue/__init__.py"),
    ],
)
def test_question(question: str, file: str) -> None:
    """The row for a question names the room of the file that answers it."""
    (row,) = [line for line in page(PAGE).splitlines() if line.startswith("|") and question in line]
    room = next(part for part in Path(file).parts if part != "..")
    assert (f"`{room}/" in row, (PROJECT / "security_logging" / file).exists()) == (True, True)


def test_targets() -> None:
    """The table has each target of make that `make help` lists."""
    listed = re.findall(r"^([a-z0-9-]+):.*## ", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(re.findall(r"^\| `make ([a-z0-9-]+)`", page(PAGE), re.MULTILINE)) == sorted(listed)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the package, its tests and the pages, with both examples applied."""
    require_program("git", "git")
    for folder in ("security_logging", "tests", "docs"):
        shutil.copytree(PROJECT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    command = ["git", "apply", "--unsafe-paths", f"--directory={tmp_path}", "-"]
    for diff in blocks(PAGE, "diff"):
        subprocess.run(command, input=diff, cwd=tmp_path, text=True, check=True, timeout=30)
    return tmp_path


@pytest.mark.slow
def test_event_type(checkout: Path) -> None:
    """The changes of the example of an event type are enough: the test that it brings passes."""
    pytest.importorskip("allauth")
    environment = {**os.environ, "PYTHONPATH": str(checkout), "DJANGO_SETTINGS_MODULE": "integrationsite.settings"}
    test = "tests/integrations/real_packages/test_allauth_mfa_removed.py"
    command = [sys.executable, "-m", "pytest", test, "--ds=integrationsite.settings", "-n0", "-p", "no:cacheprovider"]
    run = subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert (run.returncode, "1 passed" in run.stdout) == (0, True), run.stdout + run.stderr


def test_destination(checkout: Path) -> None:
    """The three changes of the example are enough: a record arrives as a GELF message."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as graylog:
        graylog.bind(("127.0.0.1", 0))
        graylog.settimeout(30)
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        command = [sys.executable, "-c", _SEND, str(graylog.getsockname()[1])]
        subprocess.run(command, env=environment, cwd=checkout, check=True, timeout=60)
        message = json.loads(graylog.recv(65_536))
    assert (message["version"], message["level"]) == ("1.1", 4)
    assert message["short_message"].endswith('log level="WARNING" logger="security" message="sold out"')
