"""What an installation would write: the difference to what is there, and what must not be lost."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from security_logging.fail2ban.files.record import Record
from security_logging.fail2ban.files.shipped import JAILS, shipped_files
from security_logging.fail2ban.secrets import holds_secret, masked
from security_logging.internal.files import open_to_read

_ORDER = ("action.d", "filter.d", "jail.d")  # a jail never stands there without what it uses, whatever ends us


@dataclass(frozen=True)
class Change:
    """
    A file to be written; `old` is None where there is none yet.

    `is_edited`: the old one was edited. `mode` None keeps the old one's owner and mode. With
    `is_appended` the new text begins with the old one, which is not shown: it is the site's settings.
    """

    path: Path
    old: str | None
    new: str
    is_edited: bool = False
    mode: int | None = 0o644
    is_appended: bool = False

    def difference(self) -> str:
        """Return what changes, as `diff -u` prints it, without the secrets."""
        old = "" if self.old is None else self.old
        names = (str(self.path), f"{self.path} (new)")
        if self.is_appended:
            added = self.new[len(old.rstrip()) :].strip()
            return "\n".join([f"--- {names[0]}", f"+++ {names[1]}", *(f"+{line}" for line in added.split("\n")), ""])
        return masked("".join(difflib.unified_diff(old.splitlines(True), self.new.splitlines(True), *names, n=1)))


def changes(directory: Path, files: Mapping[str, str], record: Record | None = None) -> list[Change]:
    """Return what must be written, in order; files that are as they should be, and all .local files, stay."""
    found = []
    shipped = shipped_files()
    for name in sorted(files, key=lambda name: (_ORDER.index(name.split("/")[0]), name)):
        old = read(directory / name)
        if old != files[name]:
            is_edited = old not in (None, shipped[name]) and (record is None or record.is_edited(name, str(old)))
            found.append(Change(directory / name, old, files[name], is_edited, mode_of(name, files[name])))
    return found


def mode_of(name: str, text: str) -> int:
    """Return the mode of one of our files: jails that hold a secret are for root alone."""
    return 0o600 if name == JAILS and holds_secret(text) else 0o644


def read(path: Path) -> str | None:
    """Return the text of a file to the byte, whatever is in it; None where there is none."""
    if not path.is_file():
        return None
    with open_to_read(path) as file:
        return file.read().decode("utf-8", "surrogateescape")
