"""Root writes a line now and then, e.g. in a management command, and the site goes on with the log."""

from __future__ import annotations

import pytest

from private_root import run_as_root

_WRITE = """
import logging
from security_logging.handlers import SecurityFileHandler

def log(handler, message):
    handler.handle(logging.LogRecord("x", logging.WARNING, "", 1, message, None, None))

def log_as_site(path, message):
    '''Log in a process of the site's user, to its end.'''
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setgid(SITE)
        os.setuid(SITE)
        log(SecurityFileHandler(path), message)
        os._exit(0)
    os.waitpid(child, 0)

def shown(path):
    found = os.stat(path)
    return f"{open(path).read().split()} {found.st_uid}:{found.st_gid} {stat.S_IMODE(found.st_mode):o}"

LOG = "/srv/django/security.log"
root = SecurityFileHandler(LOG)
"""


def test_root_writes_first() -> None:
    """A log that root's `createsuperuser` begins belongs to the site, whose later lines arrive."""
    script = """
site_directory("/srv/django", 0o750)
log(root, "root")
log_as_site(LOG, "site")
print(shown(LOG))
"""
    assert run_as_root(_WRITE + script).stdout == "['root', 'site'] 65534:65534 640\n"


def test_root_writes_first_where_the_group_writes() -> None:
    """In root's directory for a group, which the site is of, the group may write the log that root begins."""
    script = """
os.mkdir("/srv/django")
os.chown("/srv/django", 0, SITE)
os.chmod("/srv/django", 0o2770)
log(root, "root")
log_as_site(LOG, "site")
print(shown(LOG))
"""
    assert run_as_root(_WRITE + script).stdout == "['root', 'site'] 0:65534 660\n"


def test_root_writes_first_after_a_rotation() -> None:
    """A log that was renamed under root's handler has a successor with its owner, group and mode, set user ID aside."""
    script = """
os.mkdir("/srv/django")
open(LOG, "w").close()
os.chown(LOG, SITE, 4)
os.chmod(LOG, 0o4660)
log(root, "one")
os.rename(LOG, f"{LOG}.1")
log(root, "root")
log_as_site(LOG, "site")
print(shown(LOG))
"""
    assert run_as_root(_WRITE + script).stdout == "['root', 'site'] 65534:4 660\n"


@pytest.mark.parametrize("moment", ["before", "meanwhile"])
def test_link_of_the_site(moment: str) -> None:
    """Root's line goes to standard error when the log's directory is the site's link, and nothing to its target."""
    script = """
site_directory("/srv/site")
os.mkdir("/srv/target", 0o700)
handler = SecurityFileHandler("/srv/site/logs/security.log")
if sys.argv[1] == "meanwhile":
    site_directory("/srv/site/logs")
    log(handler, "kept")
    os.rename("/srv/site/logs", "/srv/site/aside")
os.symlink("/srv/target", "/srv/site/logs")
os.chown("/srv/site/logs", SITE, SITE, follow_symlinks=False)
log(handler, "line")
print(handler.failures, os.listdir("/srv/target"))
"""
    run = run_as_root(_WRITE + script, moment)
    notice, line = run.stderr.splitlines()
    assert (run.stdout, line) == ("1 []\n", "line")
    assert "/srv/site/logs is a link to /srv/target, and others than root can change it" in notice
    assert "write /srv/target/security.log" in notice


_ROTATE = """
from security_logging.handlers import SecurityFileHandler

def rotating():
    return SecurityFileHandler(LOG, rotate_bytes=10, rotate_files=2)

def as_site_once(work):
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setgid(SITE)
        os.setuid(SITE)
        work()
        os._exit(0)
    os.waitpid(child, 0)

def shown_all():
    for name in sorted(os.listdir("/srv/django")):
        print(name, shown(f"/srv/django/{name}"))
"""


def test_root_rotates() -> None:
    """Where root rotates, or is the first to write, the site goes on, and rotates too."""
    script = """
site_directory("/srv/django", 0o750)
log(rotating(), "root-begins")
log(rotating(), "root-rotates")
as_site_once(lambda: log(rotating(), "site-rotates"))
log(rotating(), "root-again")
as_site_once(lambda: log(rotating(), "site"))
shown_all()
"""
    assert run_as_root(_WRITE + _ROTATE + script).stdout.splitlines() == [
        "security.log ['site'] 65534:65534 640",
        "security.log.1 ['root-again'] 65534:65534 640",
        "security.log.2 ['site-rotates'] 65534:65534 640",
    ]


def test_root_rotates_in_a_directory_of_roots() -> None:
    """In root's own directory the new file is the owner's of the old one."""
    script = """
os.mkdir("/srv/django")
open(LOG, "w").write("x" * 20)
os.chown(LOG, SITE, 4)
os.chmod(LOG, 0o640)
log(rotating(), "root")
print(shown(LOG))
"""
    assert run_as_root(_WRITE + _ROTATE + script).stdout == "['root'] 65534:4 640\n"


def test_root_rotates_through_a_link() -> None:
    """Root renames nothing through a link that the site's user put there."""
    script = """
site_directory("/srv/site")
os.mkdir("/srv/target", 0o700)
open("/srv/target/security.log", "w").write("x" * 20)
os.symlink("/srv/target", "/srv/django")
os.chown("/srv/django", SITE, SITE, follow_symlinks=False)
log(rotating(), "root")
print(os.listdir("/srv/target"))
"""
    run = run_as_root(_WRITE + _ROTATE + script)
    assert (run.stdout, "others than root can change it" in run.stderr) == ("['security.log']\n", True)


def test_site_rotates_through_a_link() -> None:
    """The site's user may have its log be a link; the file that it leads to is rotated, where that is."""
    script = """
site_directory("/srv/django")
site_directory("/srv/disk")
os.symlink("/srv/disk/real.log", LOG)
as_site_once(lambda: log(rotating(), "a line of the site"))
as_site_once(lambda: log(rotating(), "new"))
print(sorted(os.listdir("/srv/disk")), os.path.islink(LOG))
"""
    assert run_as_root(_WRITE + _ROTATE + script).stdout == "['real.log', 'real.log.1'] True\n"
