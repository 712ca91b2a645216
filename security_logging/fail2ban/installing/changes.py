"""What an installation would write: the difference to what is there, and what must not be lost."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from security_logging.fail2ban.files.record import Record
from security_logging.fail2ban.files.shipped import shipped_files

_ORDER = ("action.d", "filter.d", "jail.d")  # a jail never stands there without what it uses, whatever ends us


@dataclass(frozen=True)
class Change:
    """
    A file to be written; `old` is None where there is none yet.

    `is_edited`: the old one holds somebody's own changes. `mode` None keeps the old one's.
    """

    path: Path
    old: str | None
    new: str
    is_edited: bool = False
    mode: int | None = 0o644

    def difference(self) -> str:
        """Return what changes, as `diff -u` prints it."""
        old = "" if self.old is None else self.old
        names = (str(self.path), f"{self.path} (new)")
        return "".join(difflib.unified_diff(old.splitlines(True), self.new.splitlines(True), *names, n=1))


def changes(directory: Path, files: Mapping[str, str], record: Record | None = None) -> list[Change]:
    """Return what must be written, in order; files that are as they should be, and all .local files, stay."""
    found = []
    shipped = shipped_files()
    for name in sorted(files, key=lambda name: (_ORDER.index(name.split("/")[0]), name)):
        old = read(directory / name)
        if old != files[name]:
            is_edited = old not in (None, shipped[name]) and (record is None or record.is_edited(name, str(old)))
            mode = 0o600 if "token=" in files[name] else 0o644  # an API token in the action is for root alone
            found.append(Change(directory / name, old, files[name], is_edited, mode))
    return found


def read(path: Path) -> str | None:
    """Return the text of a file to the byte, whatever is in it; None where there is none."""
    return path.read_bytes().decode("utf-8", "surrogateescape") if path.is_file() else None
