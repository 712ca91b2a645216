"""The entry of tmpfiles.d that an installation writes where systemd runs."""

from __future__ import annotations

import pytest

from private_root import run_as_root

_SCRIPT = """
import subprocess
from pathlib import Path
from security_logging.fail2ban.installing.at_boot import at_boot
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
if sys.argv[1] == "systemd":
    os.makedirs("/run/systemd/system")
if sys.argv[2] == "there":
    os.makedirs("/var/log/django")
if sys.argv[3] == "there":
    open("/var/log/django/security.log", "w").close()
change = at_boot(Path("/var/log/django/security.log"), sys.argv[4])
print("nothing" if change is None else change.new.partition("\\n")[2])
"""


@pytest.mark.parametrize(
    ("systemd", "directory", "log", "owner", "entry"),
    [
        (
            *("systemd", "missing", "missing", "www-data:adm"),
            "d /var/log/django 2750 www-data adm -\nf /var/log/django/security.log 0640 www-data adm -\n",
        ),
        ("systemd", "there", "missing", "1234:1235", "f /var/log/django/security.log 0640 1234 1235 -\n"),
        ("systemd", "there", "missing", "1234", "f /var/log/django/security.log 0640 1234 root -\n"),
        ("systemd", "there", "missing", "", "f /var/log/django/security.log 0640 root root -\n"),
        ("systemd", "there", "there", "www-data:adm", "nothing"),
        ("another init", "missing", "missing", "www-data:adm", "nothing"),
    ],
)
def test_entry(systemd: str, directory: str, log: str, owner: str, entry: str) -> None:
    """It makes what is missing, for its owner, and nothing where the log is there or another init runs."""
    assert run_as_root(_SCRIPT, systemd, directory, log, owner).stdout == f"{entry}\n"
