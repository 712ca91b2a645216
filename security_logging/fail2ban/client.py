"""Ask Fail2ban by its own client: whether it runs, which jails it has, which addresses it has banned."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from security_logging.addresses.parsing import Network, holds, parse_network, readable_networks
from security_logging.fail2ban.secrets import masked

TIMEOUT = 60  # seconds; a reload waits for the actions of every jail
_OF_THE_SITE = ("PYTHONHOME", "PYTHONPATH")
_HEAD = re.compile(r"^.*?\b(?:ERROR|CRITICAL)\s+")
_TAIL = re.compile(r"\.?(?: Is fail2ban running\?)?$")  # of a sentence that becomes part of ours
_LISTED = re.compile(r"^[|`]- (.*)$", re.MULTILINE)


class ClientError(Exception):
    """fail2ban-client is missing or has failed; the message is its output."""

    @property
    def reason(self) -> str:
        """The last line of the output, without date and program."""
        lines = [line for line in str(self).splitlines() if line.strip()]
        return _TAIL.sub("", _HEAD.sub("", lines[-1] if lines else "no reason was given").strip())


class NotInstalledError(ClientError):
    """There is no fail2ban-client on this machine."""


class NotAllowedError(ClientError):
    """The server does not answer this user; it answers root."""


def environment() -> dict[str, str]:
    """Return our environment without PYTHONPATH and PYTHONHOME, because Fail2ban has a Python of its own."""
    return {name: value for name, value in os.environ.items() if name not in _OF_THE_SITE}


@dataclass(frozen=True)
class JailStatus:
    """The failures and bans of a jail."""

    name: str
    failed: int
    failed_total: int
    banned: int
    banned_total: int
    files: tuple[str, ...]
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Client:
    """
    Talks to the server through fail2ban-client.

    `command` is the program with its options, e.g. another configuration directory.
    """

    command: Sequence[str] = ("fail2ban-client",)

    def run(self, *words: str) -> str:
        """Return the output of the client; raise ClientError if it fails."""
        try:
            result = subprocess.run(  # noqa: S603 - a program that the operator chose, and no shell
                [*self.command, *words],
                env=environment(),
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=TIMEOUT,
                check=False,
            )
        except FileNotFoundError:
            raise NotInstalledError(f"{self.command[0]} is not installed: apt-get install fail2ban") from None
        except OSError as error:
            raise ClientError(f"{self.command[0]} cannot be run: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise ClientError(f"{self.command[0]} did not answer within {TIMEOUT} seconds") from None
        if result.returncode:
            said = masked((result.stderr or result.stdout).strip())  # it may name an action with its token
            raise (NotAllowedError if "Permission denied" in said else ClientError)(said)
        return result.stdout

    def is_running(self) -> bool:
        """Return whether a server answers; False also if this user may not ask it."""
        try:
            return "pong" in self.run("ping")
        except ClientError:
            return False

    def refusal(self) -> str:
        """Return why Fail2ban refuses its configuration on disk, or "" if it accepts it."""
        try:
            self.run("-t")
        except NotInstalledError:
            raise
        except ClientError as error:
            return str(error) or "no reason was given"
        return ""

    def listed(self, *words: str) -> list[str]:
        """Return the entries of an answer that is a list, e.g. of `get JAIL ignoreip`."""
        return _LISTED.findall(self.run(*words))

    def jails(self) -> list[str]:
        """Return the names of the jails that run."""
        listed = self.run("status").rpartition("Jail list:")[2]
        return [name for name in re.split(r"[,\s]+", listed) if name]

    def status(self, jail: str) -> JailStatus:
        """Return the failures and bans of the jail."""
        text = self.run("status", jail)
        return JailStatus(
            name=jail,
            failed=_number(text, "Currently failed"),
            failed_total=_number(text, "Total failed"),
            banned=_number(text, "Currently banned"),
            banned_total=_number(text, "Total banned"),
            files=tuple(_after(text, "File list").split()),
            addresses=tuple(_after(text, "Banned IP list").split()),
        )

    def unban(self, address: str) -> dict[str, list[str]]:
        """
        Lift the bans of the address, and of the networks that hold it, in every jail; return what was lifted where.

        Raises ValueError when it is neither an address nor a network.
        """
        wanted = parse_network(address)
        found = {jail: _holding(wanted, self.status(jail).addresses) for jail in self.jails()}
        lifted = {jail: banned for jail, banned in found.items() if banned}
        for jail, banned in lifted.items():
            self.run("set", jail, "unbanip", *banned)
        return lifted


def _holding(wanted: Network, banned: Iterable[str]) -> list[str]:
    """Return the bans that are the wanted network or contain it; a ban by hand may be any text."""
    by_text = {text: readable_networks([text]) for text in banned}
    return [text for text, networks in by_text.items() for network in networks if holds(network, wanted)]


def _after(text: str, label: str) -> str:
    match = re.search(rf"{label}:[ \t]*(.*)", text)
    return match[1] if match else ""


def _number(text: str, label: str) -> int:
    digits = re.match(r"\d+", _after(text, label))
    return int(digits[0]) if digits else 0
