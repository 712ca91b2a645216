"""The log at each boot, where systemd runs: an entry of tmpfiles.d, which makes it before Fail2ban starts."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable
from pathlib import Path

from security_logging.fail2ban.installing.changes import Change, read
from security_logging.fail2ban.installing.log_file import DIRECTORY_MODE, MODE, numbers_of
from security_logging.internal.files import is_root

ENTRY = Path("/etc/tmpfiles.d/django-security.conf")
_SYSTEMD = Path("/run/systemd/system")  # is there where systemd is process 1, says sd_booted(3)
_HEAD = "# Written by manage.py security_fail2ban install: the security log, which Fail2ban wants before it starts."


def at_boot(log: Path, owner: str) -> Change | None:
    """
    Return the entry for a log that is new, for its owner "user:group", or root.

    None where systemd does not run, this is not root, or the log exists already.
    """
    if not is_root() or not _SYSTEMD.is_dir() or os.path.lexists(log):
        return None
    user, group = _names(owner)
    lines = [_HEAD, f"f {log} {MODE:04o} {user} {group} -"]
    if not log.parent.is_dir():  # the owner of one that is there is not our concern
        lines.insert(1, f"d {log.parent} {DIRECTORY_MODE:04o} {user} {group} -")
    old, new = read(ENTRY), "\n".join(lines) + "\n"
    return None if old == new else Change(ENTRY, old, new, is_edited=old is not None)


def _names(owner: str) -> tuple[str, str]:
    """Return user and group as tmpfiles.d(5) takes them: names, or numbers that have none here."""
    if not owner:
        return "root", "root"
    user, group = numbers_of(owner)
    return _name(lambda: pwd.getpwuid(user).pw_name, user), _name(lambda: grp.getgrgid(group).gr_name, group)


def _name(lookup: Callable[[], str], number: int) -> str:
    if number < 0:
        return "root"  # the group of a user without a name
    try:
        return lookup()
    except KeyError:
        return str(number)
