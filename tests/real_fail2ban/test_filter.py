"""The shipped filter and jails under the real Fail2ban."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fail2ban_server import SHIPPED, run_samples, short_directory

pytestmark = pytest.mark.real_fail2ban

LOGS = Path(__file__).parent / "logs"


def test_samples() -> None:
    """Every sample line of every mode, key and logtype is counted as it says, by Fail2ban's own harness."""
    result = run_samples(SHIPPED, LOGS, "django-security")
    assert result.returncode == 0, result.stderr


def test_samples_can_fail() -> None:
    """The harness does find a filter that counts an address out of a user name."""
    with short_directory() as directory:
        shutil.copytree(SHIPPED, directory / "fail2ban")
        filter_file = directory / "fail2ban" / "filter.d" / "django-security.conf"
        filter_file.write_text(filter_file.read_text().replace("prefix = \\s\n", "prefix = .*\n"))
        result = run_samples(directory / "fail2ban", LOGS, "django-security")
    assert (result.returncode, "198.51.100.1" in result.stderr) == (1, True)
