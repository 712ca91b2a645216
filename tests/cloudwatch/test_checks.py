from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import registry
from django.core.management import CommandError, call_command
from django.test import override_settings

from documented import page
from security_logging.cloudwatch import CloudWatchHandler
from security_logging.cloudwatch.checks import DECLARED, check_cloudwatch


def ids() -> list[str]:
    """Return the ids of what the checks find."""
    return [str(found.id).removeprefix("security_logging.") for found in check_cloudwatch()]


@pytest.fixture(autouse=True)
def _settings(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    settings.SECURITY_LOGGING_CLOUDWATCH_DIRECTORY = str(tmp_path / "cloudwatch")


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("SECURITY_LOGGING_CLOUDWATCH_LOG_GROUP", "/{site}/{env}", []),
        ("SECURITY_LOGGING_CLOUDWATCH_LOG_GROUP", "/{nonsense}", ["E401"]),
        ("SECURITY_LOGGING_CLOUDWATCH_LOG_GROUP", "a b", ["E401"]),
        ("SECURITY_LOGGING_CLOUDWATCH_LOG_GROUP", None, ["E401"]),
        ("SECURITY_LOGGING_CLOUDWATCH_LOG_STREAM", "{pid}", ["E402"]),
        ("SECURITY_LOGGING_CLOUDWATCH_SPOOL_LIMIT", 0, ["E403"]),
        ("SECURITY_LOGGING_CLOUDWATCH_QUEUE_LIMIT", "many", ["E403"]),
        ("SECURITY_LOGGING_CLOUDWATCH_INTERVAL", True, ["E403"]),
        ("SECURITY_LOGGING_CLOUDWATCH_HEARTBEAT", 0, []),
        ("SECURITY_LOGGING_CLOUDWATCH_HEARTBEAT", -1, ["E403"]),
        ("SECURITY_LOGGING_CLOUDWATCH_DIRECTORY", None, ["W402"]),
        ("SECURITY_LOGGING_CLOUDWATCH_DIRECTORY", 7, ["E405"]),
        ("SECURITY_LOGGING_CLOUDWATCH_REGION", "eu-central-1", []),
        ("SECURITY_LOGGING_CLOUDWATCH_REGION", "", []),
        ("SECURITY_LOGGING_CLOUDWATCH_REGION", "Frankfurt", ["E406"]),
        ("SECURITY_LOGGING_CLOUDWATCH_ENDPOINT_URL", "127.0.0.1:5000", ["E406"]),
        ("SECURITY_LOGGING_CLOUDWATCH_FILE", Path("/var/log/x.json"), []),
        ("SECURITY_LOGGING_CLOUDWATCH_FILE", "", ["E406"]),
        ("AWS_SECRET_ACCESS_KEY", "secret", ["W401"]),
        ("LOGGING", {"handlers": {"aws": {"class": "watchtower.CloudWatchLogHandler"}}}, ["W403"]),
        ("LOGGING", None, []),
    ],
)
def test_setting(name: str, value: object, found: list[str]) -> None:
    """Each wrong setting has its check."""
    with override_settings(LOGGING_CONFIG=None, **{name: value}):  # Django 6.1 applies a LOGGING that is overridden
        assert ids() == found


def test_directory_of_somebody_else(tmp_path: Path) -> None:
    """A directory that others may write to is named before anything is kept in it."""
    (tmp_path / "cloudwatch").mkdir()
    (tmp_path / "cloudwatch").chmod(0o777)
    assert ids() == ["E405"]


def test_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the check says what to install."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install" in str(check_cloudwatch()[0].hint)


def test_secret_is_not_shown() -> None:
    """A check never shows a key."""
    with override_settings(AWS_SECRET_ACCESS_KEY="s3cr3t"):
        assert "s3cr3t" not in str(check_cloudwatch())


def test_registered_when_used() -> None:
    """A project with the handler has the checks."""
    CloudWatchHandler()
    assert check_cloudwatch in list[object](registry.registry.registered_checks)


@override_settings(SECURITY_LOGGING_CLOUDWATCH_LOG_GROUP="a b")
def test_command() -> None:
    """The command says what is wrong with the settings before it begins."""
    with pytest.raises(CommandError, match="E401"):
        call_command("security_cloudwatch", "policy", "writer")


def test_each_id_has_a_test() -> None:
    """Every check that is declared is among those tested here."""
    tested = {"E401", "E402", "E403", "E404", "E405", "E406", "W401", "W402", "W403"}
    assert tested == set(DECLARED)


@pytest.mark.parametrize("number", DECLARED)
def test_each_id_is_documented(number: str) -> None:
    """Every check that is declared is in the table of all checks."""
    assert f"| `security_logging.{number}` | " in page("checks.md")
