"""Install the files in Fail2ban's configuration, or leave everything as it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from security_logging.fail2ban.checking.check import refused
from security_logging.fail2ban.checking.server import reload
from security_logging.fail2ban.client import Client, ClientError
from security_logging.fail2ban.configuration import parse
from security_logging.fail2ban.files.shipped import LOCKED_JAIL
from security_logging.fail2ban.installing.changes import Change
from security_logging.fail2ban.installing.log_file import create_log
from security_logging.fail2ban.installing.undoing import Undoing, undoing


class InstallError(Exception):
    """The installation failed; everything is as it was before."""


@dataclass(frozen=True)
class Installed:
    """The result: whether a running server has loaded the files, and the copies of files that were edited."""

    is_loaded: bool
    kept: Sequence[Path]


def install(
    client: Client, wanted: Sequence[Change], *, log: Path | None = None, owner: str = "", test: Callable[[], str] = str
) -> Installed:
    """
    Create the log, write the files, let Fail2ban test them, and load them.

    `log` is None if another program creates it. `test` is called after the files are written, and returns what is wrong
    with the site, or "". Raises InstallError if anything fails. Then, and after a KeyboardInterrupt, all files are as
    they were, and a running server has loaded them again.
    """
    before = client.refusal()
    try:
        with undoing() as done:
            if log is not None:
                create_log(done, log, owner)
            for change in wanted:
                done.write(change)
            if said := client.refusal():
                raise InstallError(_refused(said, before))
            if said := test():
                raise InstallError(f"The site does not start with our settings; everything was taken back:\n{said}")
            return Installed(_load(client, done), done.kept)
    except (OSError, LookupError, ClientError) as error:
        raise InstallError(f"{error}; everything was taken back") from error


def _refused(said: str, before: str) -> str:
    if before:
        why = refused(said)
        return f"Fail2ban refuses its configuration as it is, with or without us; repair it first:\n{said}\n{why.fix}"
    return f"Fail2ban refuses its configuration with our files; they were taken back:\n{said}"


def _load(client: Client, done: Undoing) -> bool:
    if not client.is_running():
        return False
    running = set(client.jails())
    done.at_last(lambda: _reload_again(client))
    try:
        reload(client)
        written = parse(client.run("-d")).jails
        off = {LOCKED_JAIL} - set(written)  # the one jail that an installation may switch off
        lost = running.difference(client.jails(), off)
    except ClientError as error:
        raise InstallError(f"Fail2ban could not load our files; they were taken back:\n{error}") from error
    if lost:
        raise InstallError(f"Fail2ban lost the jails {', '.join(sorted(lost))}; our files were taken back")
    return True


def _reload_again(client: Client) -> None:
    with suppress(ClientError):  # the error before it is more important
        reload(client)
