"""Root is told when it runs code that another user can change."""

from __future__ import annotations

import pytest

from private_root import run_as_root

# A site below /srv, started as root by its manage.py with the interpreter and the packages of the tests.
_SITE = """
import shutil, subprocess
from pathlib import Path
os.mkdir("/srv/site")
manage, settings = Path("/srv/site/manage.py"), Path("/srv/site/mysettings.py")
manage.write_text(
    "import os\\nos.environ['DJANGO_SETTINGS_MODULE'] = 'mysettings'\\n"
    "from django.core.management import execute_from_command_line as run\\nimport sys\\nrun(sys.argv)\\n"
)
settings.write_text("SECRET_KEY = 'x'\\nINSTALLED_APPS = ['security_logging']\\n")
(module := Path("/srv/site/shop.py")).write_text("")

def told(*words):
    '''Run a command of the site as root and return the places below /srv that the warning names.'''
    command = [sys.executable, manage, "security_fail2ban", *words]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    lines = [line for line in run.stderr.splitlines() if line.startswith("Warning: this runs code as root")]
    assert not lines or "--elsewhere DIRECTORY" in run.stderr, run.stderr
    return sorted({word.strip(":,") for line in lines for word in line.split() if word.startswith("/srv")})
"""


@pytest.mark.parametrize(
    ("change", "places"),
    [
        ("pass", []),
        ("os.chown(manage, SITE, SITE)", ["/srv/site/manage.py"]),
        ("os.chown(settings, SITE, SITE)", ["/srv/site/mysettings.py"]),
        ("os.chown('/srv/site', SITE, SITE)", ["/srv/site"]),
        ("os.chmod('/srv/site', 0o777)", ["/srv/site"]),
        ("os.chown('/srv/site', 0, SITE); os.chmod('/srv/site', 0o775)", ["/srv/site"]),
        ("os.chmod('/srv/site', 0o1777)", []),
        ("site_directory('/srv/other'); os.environ['PYTHONPATH'] += ':/srv/other/missing'", ["/srv/other"]),
    ],
)
def test_who_can_change_the_site(change: str, places: list[str]) -> None:
    """A file, or a directory in which it lies or Python looks for code, that is another user's is named."""
    script = f"{_SITE}\n{change}\nprint(told('--config', '/nowhere', 'check'))"
    run = run_as_root(script)
    assert run.stdout == f"{places}\n", run.stderr


def test_without_rights() -> None:
    """What needs no root says nothing of it."""
    script = f"{_SITE}\nos.chown('/srv/site', SITE, SITE)\nprint(told('explain', 'x'))"
    assert run_as_root(script).stdout == "[]\n"
