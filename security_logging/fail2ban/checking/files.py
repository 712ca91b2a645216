"""Our files in Fail2ban's directory: missing, edited, of another version, or writable by users other than root."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from security_logging.checks.problem import Problem
from security_logging.fail2ban.checking.problems import problem
from security_logging.fail2ban.files.record import Record


def of_files(directory: Path, wanted: Mapping[str, str], record: Record | None) -> Iterator[Problem]:
    """Compare the files with those that an installation would write now."""
    for name, text in wanted.items():
        path = directory / name
        try:
            found = path.read_text(encoding="utf-8", errors="surrogateescape")
        except FileNotFoundError:
            yield problem("installed.missing", path=path)
        except OSError as error:
            yield problem("installed.unreadable", path=path, reason=error.strerror)
        else:
            yield from _of_text(path, name, (found, text), record)
            yield from _of_mode(path)
    for path in sorted(directory.glob("*.d/django-security*.local")):
        yield from _of_mode(path)


def _of_text(path: Path, name: str, texts: tuple[str, str], record: Record | None) -> Iterator[Problem]:
    found, wanted = texts
    if record is not None and record.is_edited(name, found):
        yield problem("installed.edited", path=path, local=Path(name).with_suffix(".local"))
    elif found != wanted:
        yield problem("installed.stale", path=path)


def _of_mode(path: Path) -> Iterator[Problem]:
    for each in (path, path.parent):
        found = each.stat()
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or found.st_uid not in (0, path.parent.parent.stat().st_uid):
            yield problem("installed.writable", path=each)
