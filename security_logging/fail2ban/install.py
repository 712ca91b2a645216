"""Put our files into Fail2ban's configuration so that it never ends up worse than it was."""

from __future__ import annotations

import difflib
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from security_logging.fail2ban.client import Client, ClientError

LOG_MODE = 0o640


class InstallError(Exception):
    """The installation was not possible; everything is as it was before."""


@dataclass(frozen=True)
class Change:
    """A file to be written; `old` is None where there is none yet."""

    path: Path
    old: str | None
    new: str

    def difference(self) -> str:
        """Return what changes, as `diff -u` prints it."""
        old = "" if self.old is None else self.old
        lines = difflib.unified_diff(
            old.splitlines(keepends=True), self.new.splitlines(keepends=True), str(self.path), str(self.path), n=1
        )
        return "".join(lines)


def changes(directory: Path, files: Mapping[str, str]) -> list[Change]:
    """Return what must be written; files that are as they should be, and all .local files, stay as they are."""
    found = []
    for name, text in files.items():
        path = directory / name
        old = path.read_text(encoding="utf-8") if path.is_file() else None
        if old != text:
            found.append(Change(path, old, text))
    return found


def create_log(path: Path, owner: str = "") -> None:
    """
    Create the log, for Fail2ban before 1.1.1 does not start at all without it; one that exists keeps what it has.

    `owner` is "user:group" of the site's processes; empty leaves the owner to this process.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        return
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, LOG_MODE))
    if owner:
        user, _, group = owner.partition(":")
        for each in (path.parent, path):
            shutil.chown(each, user, group or None)


def install(client: Client, wanted: Sequence[Change]) -> bool:
    """
    Write the files, let Fail2ban test them, and load them; return whether a server runs and has loaded them.

    Raises InstallError, with all files as they were, when Fail2ban refuses them; also when it refused its
    configuration before, since then nobody could tell whose fault it is.
    """
    _test(client, "Fail2ban refuses its configuration as it is, without us; repair it first")
    written: list[Change] = []
    try:
        for change in wanted:
            written.append(change)
            _write(change.path, change.new)
        _test(client, "Fail2ban refuses its configuration with our files; they were taken back")
        return _load(client)
    except (OSError, InstallError) as error:
        _take_back(written)
        with suppress(ClientError):  # what it was told before matters more
            client.run("reload")
        raise InstallError(str(error)) from error


def _test(client: Client, problem: str) -> None:
    try:
        client.run("-t")
    except ClientError as error:
        raise InstallError(f"{problem}:\n{error}") from error


def _load(client: Client) -> bool:
    if not client.is_running():
        return False
    try:
        client.run("reload")
    except ClientError as error:
        raise InstallError(f"Fail2ban could not load our files; they were taken back:\n{error}") from error
    return True


def _take_back(written: Sequence[Change]) -> None:
    for change in reversed(written):
        if change.old is None:
            change.path.unlink(missing_ok=True)
        else:
            _write(change.path, change.old)


def _write(path: Path, text: str) -> None:
    """Replace the file in one step; a full disk leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    try:
        new.touch(0o600)
        new.write_text(text, encoding="utf-8")
        new.chmod(0o600 if "token=" in text else 0o644)  # an API token in the action is for root alone
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
