"""The one directory in which everything of a run lives, and which is gone afterwards."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from demonstration.accounts import Account

LONGEST_PARENT = 60  # characters; the path of a unix socket is limited to 107 (unix(7))
REMOVE_SECONDS = 5


@dataclass(frozen=True)
class RunDirectory:
    """A directory of mode 0700 that belongs to the account whose servers work in it."""

    path: Path
    account: Account

    def write(self, name: str, text: str = "") -> Path:
        """Write a file that the account owns, and return its path."""
        path = self.path / name
        self.make(path.parent.relative_to(self.path).as_posix())
        path.write_text(text)
        path.chmod(0o640)
        os.chown(path, self.account.uid, self.account.gid)
        return path

    def copy(self, source: Path, name: str) -> Path:
        """Copy a file into the directory, and return its path there."""
        return self.write(name, source.read_text())

    def make(self, name: str) -> Path:
        """Make a directory that the account owns, with its parents, and return its path."""
        path = self.path / name
        for directory in [*reversed(path.relative_to(self.path).parents), path.relative_to(self.path)]:
            (self.path / directory).mkdir(exist_ok=True)
            os.chown(self.path / directory, self.account.uid, self.account.gid)
        return path

    def remove(self) -> None:
        """Remove the directory with all that is in it, also while an ending process still writes."""
        deadline = time.monotonic() + REMOVE_SECONDS
        while self.path.exists() and time.monotonic() < deadline:
            shutil.rmtree(self.path, ignore_errors=True)
            if self.path.exists():
                time.sleep(0.05)


def create(account: Account) -> RunDirectory:
    """Make an empty run directory for the account."""
    path = Path(tempfile.mkdtemp(prefix="harbour-", dir=_parent()))
    os.chown(path, account.uid, account.gid)
    return RunDirectory(path, account)


def _parent() -> Path:
    """Return the directory for temporary files, or /tmp when its name is too long or others may not enter it."""
    wanted = Path(tempfile.gettempdir()).resolve()
    fits = len(str(wanted)) <= LONGEST_PARENT and re.fullmatch(r"[\w./-]+", str(wanted), re.ASCII)
    return wanted if fits and (os.geteuid() != 0 or _everybody_may_enter(wanted)) else Path("/tmp")  # noqa: S108


def _everybody_may_enter(directory: Path) -> bool:
    return all(path.stat().st_mode & 0o001 for path in (directory, *directory.parents))
