"""The log that a jail reads: missing, not ours, writable by every user, quiet, or with wrong times."""

from __future__ import annotations

import re
import stat
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from security_logging.checks.problem import Problem
from security_logging.events.line import IDENT
from security_logging.fail2ban.checking.problems import problem
from security_logging.internal.files import is_roots_by_mistake, open_to_read

QUIET_DAYS = 7
CLOCK_SECONDS = 60  # Fail2ban itself ignores smaller differences
_QUARTER, _NEAR = 900, 120  # seconds: zones differ by quarters of an hour, and a file is not written at once
_TAIL = 65_536  # bytes
_LINES = 50  # that are read
_SHOWN = 60  # characters of a line in a message
_ZONES = 14 * 3600  # seconds between two zones at most; a file that was copied is older than its time
_FORMS = {
    "file": re.compile(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\S* {IDENT}\[\d+\]: "),
    "json": re.compile(r'\{"@timestamp":"'),
    "docker": re.compile(rf'\{{"log":"[^ ]+ {IDENT}\[\d+\]: '),
    "short": re.compile(rf"(?!\d{{4}}-\d\d-\d\d )[^{{]\S* .{{0,80}}{IDENT}(?:\[\d+\])?: "),
}
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,]\d+)?(Z|[+-]\d\d:?\d\d)?")


def of_log(path: Path) -> Iterator[Problem]:
    """Check a log that a jail reads or should read."""
    try:
        found = path.lstat()
    except OSError:
        yield problem("log.missing", path=path)
        return
    if stat.S_ISLNK(found.st_mode):
        yield problem("log.link", path=path, target=path.resolve())
        if not path.exists():
            yield problem("log.missing", path=path.resolve())
            return
        found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        what = "a directory" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
        yield problem("log.no_file", path=path, what=what)
        return
    if found.st_mode & stat.S_IWOTH:
        yield problem("log.writable", path=path)
    is_new_and_roots = not found.st_size and not found.st_uid and not found.st_mode & stat.S_IWGRP
    if is_new_and_roots or is_roots_by_mistake(path):
        yield problem("log.owner", path=path, owner=_owner(path.parent))
    if (days := int((time.time() - found.st_mtime) / 86_400)) >= QUIET_DAYS:
        yield problem("log.quiet", path=path, days=days)
    yield from _of_lines(path, found.st_mtime)


def form_of(path: Path) -> str:
    """Return the logtype of the last line that is ours: file, json, docker or short; "" when there is none."""
    return next((form for line in reversed(tail(path)) if (form := _form(line))), "")


def _owner(directory: Path) -> str:
    """Return whom a log in the directory should belong to, as chown wants it."""
    found = directory.stat()
    if not found.st_uid:
        return "www-data:adm"
    try:
        return f"{directory.owner()}:{directory.group()}"
    except KeyError:  # a container's user has no name here
        return f"{found.st_uid}:{found.st_gid}"


def _of_lines(path: Path, written: float) -> Iterator[Problem]:
    lines = tail(path)[-_LINES:]
    if lines and not any(map(_form, lines)):
        yield problem("log.foreign", path=path, line=ascii(lines[-1][:_SHOWN]))
    elif lines:
        yield from _of_time(path, lines[-1], written)


def _of_time(path: Path, line: str, written: float) -> Iterator[Problem]:
    found = _TIME.search(line)
    if found is None:
        return
    try:
        dated = datetime.fromisoformat(f"{found[1]}T{found[2]}{(found[3] or '+00:00').replace('Z', '+00:00')}")
        apart = round(dated.timestamp() - written)
    except (ValueError, OverflowError):
        return
    way = "after" if apart > 0 else "before"
    off = abs(apart) % _QUARTER
    if _QUARTER - _NEAR < abs(apart) < _ZONES and min(off, _QUARTER - off) <= _NEAR:
        yield problem("log.zone", path=path, hours=round(abs(apart) / 3600, 2), way=way)
    elif -_ZONES < apart < -CLOCK_SECONDS or apart > CLOCK_SECONDS:
        yield problem("log.clock", path=path, seconds=abs(apart), way=way)


def tail(path: Path, size: int = _TAIL) -> list[str]:
    """Return the whole lines in the last bytes of a file; none when it cannot be read or is not a file."""
    try:
        if not path.is_file():
            return []  # reading a pipe would wait for ever, and take lines from its real reader
        with open_to_read(path) as file:
            start = file.seek(max(0, path.stat().st_size - size))
            lines = file.read(size).decode("utf-8", "replace").split("\n")
    except OSError:
        return []
    return [line for line in lines[1 if start else 0 :] if line.strip()]


def _form(line: str) -> str:
    return next((form for form, pattern in _FORMS.items() if pattern.match(line)), "")
