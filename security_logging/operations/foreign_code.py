"""Code that runs as root now, and that another user can change: that user can become root."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from security_logging.internal.files import is_root

_SHOWN = 3  # places that are named
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def warning() -> str:
    """Return a warning before work as root; empty if only root can change what runs or this is not root."""
    places = changeable(_running()) if is_root() else []
    if not places:
        return ""
    named = ", ".join(f"{path} ({who})" for path, who in places[:_SHOWN])
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    return (
        f"Warning: this runs code as root that other users can change: {named}{more}. Whoever has such an account can "
        "become root by it.\n"
        "Safer: a copy of the package that only root can change, or as the site's user "
        "security_fail2ban install --elsewhere DIRECTORY, and as root cp: docs/fail2ban.md, Without the site's code."
    )


def changeable(paths: Iterable[Path]) -> list[tuple[Path, str]]:
    """Return the places, files or directories above them, that others than root can change, and who can."""
    found: dict[Path, str] = {}
    for path in paths:
        for place in (*reversed(path.parents), path):
            if who := _who_can_change(place):
                found.setdefault(place, who)
                break
    return sorted(found.items())


def _running() -> Iterator[Path]:
    """Yield each file that Python has loaded code from, and each directory in which it looks for more."""
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    known = [sys.executable, os.path.join(sys.prefix, "pyvenv.cfg"), sys.argv[0], *files, *sys.path]  # noqa: PTH118
    for name in dict.fromkeys(known):
        if name:
            # Who can change a link, or make what is missing, can put code of their own there.
            yield Path(os.path.abspath(name))  # noqa: PTH100
            yield Path(os.path.realpath(name))


@cache
def _who_can_change(place: Path) -> str:
    try:
        found = place.lstat()
    except OSError:
        return ""
    if found.st_uid:
        return f"of {_owner(place, found.st_uid)}"
    if stat.S_ISLNK(found.st_mode) or not found.st_mode & _OTHERS:
        return ""
    if stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX:
        return ""  # as in /tmp: everybody may add, and change what is their own
    return "everybody" if found.st_mode & stat.S_IWOTH else f"group {found.st_gid}" if found.st_gid else ""


def _owner(place: Path, number: int) -> str:
    try:
        return place.owner()
    except (KeyError, OSError):
        return str(number)
