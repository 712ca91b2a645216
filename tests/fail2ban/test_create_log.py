"""`security_fail2ban install` creates the log where it was meant, or not at all, whatever the site's user does."""

from __future__ import annotations

import json

import pytest

from private_root import run_as_root

_CREATE = """
from pathlib import Path
from security_logging.fail2ban.installing.changes import Change, read
from security_logging.fail2ban.installing.log_file import create_log
from security_logging.fail2ban.installing.undoing import undoing
OWNER = f"{SITE}:4"

def create(path):
    '''Create the log as an installation does; return why not, empty when it was done.'''
    try:
        with undoing() as done:
            create_log(done, Path(path), OWNER)
    except OSError as error:
        return str(error)
    return ""

def shown(path):
    found = os.stat(path)
    return f"{found.st_uid}:{found.st_gid} {stat.S_IMODE(found.st_mode):o}"
"""


def test_links_of_root() -> None:
    """Root's /var/log -> /srv/data/log is followed, and directory and log there are the site's."""
    script = """
os.makedirs("/srv/data/log")
os.symlink("/srv/data/log", "/var/log")
print(create("/var/log/django/security.log"))
print(shown("/srv/data/log/django"), shown("/srv/data/log/django/security.log"))
"""
    assert run_as_root(_CREATE + script).stdout == "\n65534:4 2750 65534:4 640\n"


@pytest.mark.parametrize("link", ["logs", "current"])
def test_link_of_the_site(link: str) -> None:
    """The site's link, or that of its deploy tool, is refused with the path to write, and nothing is made."""
    script = """
site_directory("/srv/site")
os.mkdir("/srv/target", 0o700)
os.symlink("/srv/target", f"/srv/site/{sys.argv[1]}")
os.chown(f"/srv/site/{sys.argv[1]}", SITE, SITE, follow_symlinks=False)
print(create(f"/srv/site/{sys.argv[1]}/log/security.log"))
print(os.listdir("/srv/target"), shown("/srv/target"))
"""
    said, target = run_as_root(_CREATE + script, link).stdout.splitlines()
    assert said.startswith(f"/srv/site/{link} is a link to /srv/target, and others than root can change it")
    assert (said.endswith("write /srv/target/log/security.log"), target) == (True, "[] 0:0 700")


_RACE = """
os.mkdir("/srv/target", 0o700)
os.mkdir("/srv/target/django", 0o700)
site_directory("/srv/site")

def swap():
    '''The directory that root makes goes away, and a link to root's own stands in its place for a moment.'''
    os.symlink("/srv/target", "/srv/site/link")
    with contextlib.suppress(OSError):
        os.rename("/srv/site/log", f"/srv/site/{time.monotonic_ns()}")
    os.rename("/srv/site/link", "/srv/site/log")
    os.sched_yield()
    os.unlink("/srv/site/log")

attacker = as_site(swap)
done = refused = 0
end = time.monotonic() + 40
number = 0
while (number < 2000 or not (done and refused)) and time.monotonic() < end:
    number += 1
    said = create(f"/srv/site/log/django/{number}/security.log")
    done, refused = done + (not said), refused + bool(said)
stop(attacker)
print(json.dumps([bool(done), bool(refused), os.listdir("/srv/target/django"), shown("/srv/target"),
                  shown("/srv/target/django")]))
"""


def test_race() -> None:
    """While the site's user swaps directories, nothing of root's gets another owner, another mode, or a file."""
    assert json.loads(run_as_root(_CREATE + _RACE).stdout) == [True, True, [], "0:0 700", "0:0 700"]


def test_taking_back_where_the_directory_was_swapped() -> None:
    """What is taken back is what was made, although its path leads to root's own directory by then."""
    script = """
site_directory("/srv/site")
os.makedirs("/srv/target/log")
open("/srv/target/log/security.log", "w").close()
try:
    with undoing() as done:
        create_log(done, Path("/srv/site/log/security.log"), OWNER)
        os.rename("/srv/site/log", "/srv/site/aside")
        os.symlink("/srv/target/log", "/srv/site/log")
        raise OSError
except OSError:
    pass
print(os.listdir("/srv/target/log"), os.listdir("/srv/site/aside"))
"""
    assert run_as_root(_CREATE + script).stdout == "['security.log'] []\n"


def test_settings_whose_directory_was_swapped() -> None:
    """Settings are not written through a link that the site's user put in their directory's place."""
    script = """
os.mkdir("/srv/cron.d", 0o755)
site_directory("/srv/site")
site_directory("/srv/site/mysite")
path = Path("/srv/site/mysite/settings.py")
path.write_text("* * * * * root id")
os.rename("/srv/site/mysite", "/srv/site/aside")
os.symlink("/srv/cron.d", "/srv/site/mysite")
os.chown("/srv/site/mysite", SITE, SITE, follow_symlinks=False)
try:
    with undoing() as done:
        done.write(Change(path, "* * * * * root id", "* * * * * root id\\n", mode=None))
except OSError as error:
    print("others than root can change it" in str(error), os.listdir("/srv/cron.d"))
"""
    assert run_as_root(_CREATE + script).stdout == "True []\n"


def test_settings_that_are_a_link() -> None:
    """A link that the site's user put in the place of its settings shows nothing of what it leads to."""
    script = """
site_directory("/srv/site")
Path("/srv/secret").write_text("secret")
os.symlink("/srv/secret", "/srv/site/settings.py")
os.chown("/srv/site/settings.py", SITE, SITE, follow_symlinks=False)
try:
    print(read(Path("/srv/site/settings.py")))
except OSError as error:
    print("others than root can change it" in str(error))
"""
    assert run_as_root(_CREATE + script).stdout == "True\n"
