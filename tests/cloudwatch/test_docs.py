"""What docs/cloudwatch.md shows works as it stands there."""

from __future__ import annotations

import configparser
import json
import shlex
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.test import override_settings

from documented import blocks, page
from security_logging.cloudwatch.checks import check_cloudwatch
from security_logging.cloudwatch.setup.metrics import alarms, metrics
from security_logging.events import ecs
from security_logging.events.event import make_event
from security_logging.events.types import LOGIN
from security_logging.management.commands.security_cloudwatch import Command

PAGE = "cloudwatch.md"
PREFIX = "python manage.py security_cloudwatch "
COMMANDS = [
    line.removeprefix(PREFIX).partition(" >")[0]
    for block in blocks(PAGE, "sh")
    for line in block.splitlines()
    if line.startswith(PREFIX)
]


def described(block: str) -> dict[str, Any]:
    """Return the settings that a block of Python makes."""
    found: dict[str, Any] = {}
    exec(block, found)  # noqa: S102  # our own page
    return {name: value for name, value in found.items() if name.isupper()}


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str) -> None:
    """Each command of the page exists, with its options."""
    parser = ArgumentParser(exit_on_error=False)
    Command().add_arguments(parser)
    assert parser.parse_args(shlex.split(command)).subcommand


def test_each_subcommand_is_on_the_page() -> None:
    """No subcommand is left out."""
    assert {command.split()[0] for command in COMMANDS} == {"ship", "provision", "policy", "query", "tail", "status"}


@pytest.mark.parametrize("block", blocks(PAGE, "python"))
def test_settings(block: str) -> None:
    """Each block of settings passes our checks."""
    with override_settings(**described(block)):
        assert [found.msg for found in check_cloudwatch() if found.is_serious()] == []
        assert settings.configured


def test_unit() -> None:
    """The systemd unit keeps its state where the settings of the page look for it."""
    unit = configparser.ConfigParser()
    unit.read_string(blocks(PAGE, "ini")[0])
    state = f"/var/lib/{unit['Service']['StateDirectory']}"
    assert state == described(blocks(PAGE, "python")[0])["SECURITY_LOGGING_CLOUDWATCH_DIRECTORY"]


def test_sidecar() -> None:
    """Both containers of the sidecar example share the log."""
    services = yaml.safe_load(blocks(PAGE, "yaml")[0])["services"]
    assert set(services["web"]["volumes"]) < set(services["security-shipper"]["volumes"])


def test_agent() -> None:
    """The agent's configuration reads our time format, and has keys that the agent knows."""
    entry = json.loads(blocks(PAGE, "json")[0])["logs"]["logs_collected"]["files"]["collect_list"][0]
    line = ecs.render_json(make_event(LOGIN))
    written = line[line.index('"@timestamp"') : line.index('Z"') + 2]
    known = {"file_path", "log_group_name", "log_stream_name", "timestamp_format", "timezone", "backpressure_mode"}
    datetime.strptime(written, entry["timestamp_format"])  # noqa: DTZ007  # raises when the form is another
    assert set(entry) <= known


def test_numbers() -> None:
    """The page counts right."""
    text = page(PAGE)
    assert f"{len(metrics())} metric filters, {len(alarms())} alarms" in text
    assert [alarm.name for alarm in alarms() if f"| {alarm.name} |" not in text] == []
