"""Put our files into Fail2ban's configuration so that it never ends up worse than it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from security_logging.fail2ban.checking.check import refused
from security_logging.fail2ban.checking.server import reload
from security_logging.fail2ban.client import Client, ClientError
from security_logging.fail2ban.installing.changes import Change
from security_logging.fail2ban.installing.log_file import create_log
from security_logging.fail2ban.installing.undoing import Undoing, undoing


class InstallError(Exception):
    """The installation was not possible; everything is as it was before."""


@dataclass(frozen=True)
class Installed:
    """What came of it: whether a server runs and has loaded the files, and where edited ones were kept."""

    is_loaded: bool
    kept: Sequence[Path]


def install(
    client: Client, wanted: Sequence[Change], *, log: Path | None = None, owner: str = "", test: Callable[[], str] = str
) -> Installed:
    """
    Create the log, write the files, let Fail2ban test them, and load them.

    `log` is None where somebody else writes it. `test` returns what else is wrong after the files were written, empty
    for nothing. Raises InstallError when anything is, and whatever ends it in the middle, e.g. KeyboardInterrupt:
    then all files are as they were, and a running server has loaded them again.
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
        lost = running.difference(client.jails())
    except ClientError as error:
        raise InstallError(f"Fail2ban could not load our files; they were taken back:\n{error}") from error
    if lost:
        raise InstallError(f"Fail2ban lost the jails {', '.join(sorted(lost))}; our files were taken back")
    return True


def _reload_again(client: Client) -> None:
    with suppress(ClientError):  # what it was told before matters more
        reload(client)
