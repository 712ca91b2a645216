"""The integrations: which are connected, and that the tests against the real packages pass."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import coverage
import pytest
from django.test import override_settings

from requires import require
from security_logging import integrations
from security_logging.checks.registry import check_settings

PROJECT = Path(__file__).parent.parent.parent
PACKAGES = ("allauth", "axes", "django_otp", "oauth2_provider", "rest_framework_simplejwt", "two_factor")


@pytest.mark.slow
def test_real_packages() -> None:
    """With all packages installed in one project, every test in real_packages/ passes."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    require(not missing, f"{', '.join(missing)} is missing: pip install '.[integrations]'")
    pytest_command = [
        "pytest",
        "tests/integrations/real_packages",
        "--ds=integrationsite.settings",
        "-p",
        "no:cacheprovider",
    ]
    is_measured = coverage.Coverage.current() is not None
    measured = ["coverage", "run", "--parallel-mode", "--module"] if is_measured else []
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "integrationsite.settings"}
    command = [sys.executable, "-m", *measured, *pytest_command]
    run = subprocess.run(
        command, cwd=PROJECT, env=environment, check=False, capture_output=True, text=True, timeout=600
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]


@pytest.mark.parametrize("installed", [["django.contrib.auth", "django.contrib.contenttypes"], []])
def test_not_installed(installed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a package that is not in INSTALLED_APPS nothing is loaded."""
    loaded: list[str] = []
    monkeypatch.setattr(integrations, "import_module", loaded.append)
    with override_settings(INSTALLED_APPS=installed):
        integrations.connect()
    assert loaded == []


def test_package_that_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package whose new version no longer fits does not keep the site from starting; a check names it."""
    monkeypatch.setattr(integrations, "failed", {})
    monkeypatch.setattr(integrations, "INTEGRATIONS", (("rest_framework", "no_such_module"),))
    integrations.connect()
    (message,) = check_settings()
    assert (str(message.id).removeprefix("security_logging."), message.msg) == (
        "W202",
        "The integration with 'rest_framework' could not be connected, so its events are missing from the log.",
    )
