"""The security log on disk: created before anybody reads it, and for the user that writes it."""

from __future__ import annotations

import grp
import os
import pwd
from contextlib import suppress
from pathlib import Path

from security_logging.fail2ban.installing.undoing import Undoing
from security_logging.internal.files import Place

MODE, DIRECTORY_MODE = 0o640, 0o2750
WEB_USER, LOG_GROUP = "www-data", "adm"  # Debian's


def create_log(done: Undoing, path: Path, owner: str = "") -> None:
    """
    Create the log, for Fail2ban before 1.1.1 does not start at all without it; one that exists keeps what it has.

    `owner` is "user:group" of the site's processes, in names or, as a container's user has no name here, in numbers;
    empty leaves the owner to this process. A directory that exists keeps its owner, for it may be /var/log. Raises
    LookupError for a user or group that is not there, UntrustedPathError when another user's link leads to the log.
    """
    numbers = numbers_of(owner) if owner else (-1, -1)
    place = done.place(path, DIRECTORY_MODE, numbers)
    if place.exists():
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(place.name, flags, MODE, dir_fd=place.directory)
    done.undo_with(lambda: _remove_empty(place))
    try:
        os.fchown(descriptor, *numbers)
        os.fchmod(descriptor, MODE)
    finally:
        os.close(descriptor)


def likely_owner(settings_file: Path | None) -> str:
    """
    Return the owner that a new log should have, as "user:group"; empty where this process may not choose.

    That is who owns the site's settings; of root's own sites Debian's web server, since root may write it anyway.
    """
    if os.geteuid():
        return ""
    names = [WEB_USER]
    if settings_file is not None and (number := settings_file.stat().st_uid):
        with suppress(KeyError):
            names.insert(0, pwd.getpwuid(number).pw_name)
    users, groups = {each.pw_name for each in pwd.getpwall()}, {each.gr_name for each in grp.getgrall()}
    user = next((name for name in names if name in users), "")
    return f"{user}:{LOG_GROUP}" if user and LOG_GROUP in groups else user


def numbers_of(owner: str) -> tuple[int, int]:
    """Return the numbers of "user:group", -1 for a group that is not known; raises LookupError."""
    user, _, group = owner.partition(":")
    try:
        number = int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid
        if group:
            return number, int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
        return number, -1 if user.isdecimal() else pwd.getpwnam(user).pw_gid
    except KeyError as error:
        raise LookupError(f"--owner {owner}: {error.args[0]}") from None


def _remove_empty(place: Place) -> None:
    if not place.stat().st_size:  # whose site has begun to write keeps it
        os.unlink(place.name, dir_fd=place.directory)
