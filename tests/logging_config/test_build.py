"""LOGGING in a real project: set up by Django, used by an event, merged with what the project has."""

from __future__ import annotations

import copy
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from security_logging.events.ecs import parse_json
from security_logging.events.line import parse
from security_logging.logging_config import build_logging

LOCAL = ("console", "file", "json")
COMBINATIONS = [names for size in (1, 2, 3) for names in itertools.combinations(LOCAL, size)]

_SITE = """
import json, logging, sys
import django
from django.conf import settings
from security_logging.logging_config import build_logging
options = json.loads(sys.argv[1])
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "security_logging"],
    LOGGING=build_logging(*options.pop("profiles"), **options),
)
django.setup()
from security_logging import log_event
log_event("login_failed", ip="203.0.113.7", user="alice")
logging.getLogger("security").warning("by hand")
logging.getLogger("shop").warning("sold out: f\\u00fcr Zo\\u00eb\\u202e\\ud800")
"""


def _run(*profiles: str, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_COLOR": "1"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-W", "error", "-c", _SITE, json.dumps({"profiles": profiles, **options})]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)


@pytest.mark.parametrize("rotate_bytes", [0, 1_000_000])
def test_encodings(tmp_path: Path, rotate_bytes: int) -> None:
    """People read their own language in the text files; what Fail2ban and shippers read is ASCII."""
    _run("file", "json", directory=str(tmp_path), rotate_bytes=rotate_bytes)
    paths = [path for path in tmp_path.iterdir() if path.stat().st_size and path.suffix in (".log", ".json")]
    ascii_only = sorted(path.name for path in paths if path.read_bytes().isascii())
    assert ascii_only == ["application.json", "security.json", "security.log"]
    assert (tmp_path / "application.log").read_text("utf-8").endswith(" f\u00fcr Zo\u00eb\\u202e\\ud800\n")


@pytest.mark.parametrize("profiles", COMBINATIONS, ids="+".join)
def test_combination(tmp_path: Path, profiles: tuple[str, ...]) -> None:
    """Each profile that is asked for has the event once, and the others leave nothing behind."""
    run = _run(*profiles, directory=str(tmp_path), streams="security")
    assert {path.name for path in tmp_path.iterdir()} == {
        {"file": "security.log", "json": "security.json"}[name] for name in profiles if name != "console"
    }
    assert run.stderr.count("login_failed") == profiles.count("console")
    for path in tmp_path.iterdir():
        assert path.read_text("ascii").count("login_failed") == path.read_text("ascii").count('"alice"') >= 1
        assert len(path.read_text("ascii").splitlines()) == 2


def test_file(tmp_path: Path) -> None:
    """The text file holds the event as its line, and another record as a line that is no event."""
    _run("file", directory=str(tmp_path), streams="security")
    event, other = (tmp_path / "security.log").read_text("ascii").splitlines()
    assert parse(event).fields["user"] == "alice"
    assert other.partition("]: ")[2] == 'log level="WARNING" logger="security" message="by hand"'


def test_json(tmp_path: Path) -> None:
    """The JSON file holds the event in ECS, with the site and the environment."""
    _run("json", directory=str(tmp_path), streams="security", site="shop", env="prod")
    event, _ = (tmp_path / "security.json").read_text("ascii").splitlines()
    assert parse_json(event).fields["user"] == "alice"
    assert json.loads(event)["service"] == {"name": "shop", "environment": "prod"}


def test_mode(tmp_path: Path) -> None:
    """The files are not for everybody."""
    _run("file", "json", directory=str(tmp_path))
    assert {path.stat().st_mode & 0o007 for path in tmp_path.iterdir()} == {0}


def test_missing_directory(tmp_path: Path) -> None:
    """A missing directory keeps no site from starting; what would stand in the file is on standard error."""
    run = _run("file", directory=str(tmp_path / "missing"), streams="security")
    assert 'user="alice"' in run.stderr


def test_other_logger_name(tmp_path: Path) -> None:
    """The logger is the one that the project names."""
    config = build_logging("file", directory=tmp_path, logger_name="audit")
    assert config["loggers"]["audit"]["handlers"] == ["security_file"]


BASE: dict[str, Any] = {
    "version": 1,
    "handlers": {"null": {"class": "logging.NullHandler"}},
    "loggers": {"shop": {"handlers": ["null"]}, "security": {"handlers": ("null",), "propagate": True}},
    "root": {"handlers": ["null"]},
}


def test_merge() -> None:
    """The project's handlers and loggers stay, and where it has the security logger, our files come before its own."""
    config = build_logging("file", "json", base=BASE)
    assert config["loggers"]["security"] == {"handlers": ["security_file", "security_json", "null"], "propagate": True}
    assert (config["loggers"]["shop"], config["root"]) == (BASE["loggers"]["shop"], BASE["root"])


def test_base_is_not_changed() -> None:
    """The project's own dictionary stays as it was."""
    before = copy.deepcopy(BASE)
    build_logging("file", "json", "console", base=BASE)
    assert before == BASE


def test_merged_twice() -> None:
    """Called on what it has returned, it adds nothing a second time: a line written twice is counted twice."""
    once = build_logging("file", base=BASE)
    assert build_logging("file", base=once) == once


def test_one_after_the_other() -> None:
    """Profiles may be added one by one."""
    config = build_logging("json", base=build_logging("file", base=BASE))
    assert config["loggers"]["security"]["handlers"] == ["security_file", "security_json", "null"]
