"""Fail2ban's own client: whether it runs, what it watches, whom it bans."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

TIMEOUT = 60  # seconds; a reload waits for the actions of every jail


class ClientError(Exception):
    """fail2ban-client is missing, was refused, or said no; the message is what it said."""


@dataclass(frozen=True)
class JailStatus:
    """What a jail has found and banned."""

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
        """Return what the client prints; raise ClientError when it fails."""
        try:
            result = subprocess.run(  # noqa: S603 - a program that the operator chose, and no shell
                [*self.command, *words], capture_output=True, text=True, timeout=TIMEOUT, check=False
            )
        except FileNotFoundError:
            raise ClientError(f"{self.command[0]} is not installed: apt-get install fail2ban") from None
        except subprocess.TimeoutExpired:
            raise ClientError(f"{self.command[0]} did not answer within {TIMEOUT} seconds") from None
        if result.returncode:
            raise ClientError((result.stderr or result.stdout).strip())
        return result.stdout

    def is_running(self) -> bool:
        """Tell whether a server answers; False also when this user may not ask it."""
        try:
            return "pong" in self.run("ping")
        except ClientError:
            return False

    def jails(self) -> list[str]:
        """Return the names of the jails that run."""
        listed = self.run("status").rpartition("Jail list:")[2]
        return [name for name in re.split(r"[,\s]+", listed) if name]

    def status(self, jail: str) -> JailStatus:
        """Return what the jail has found and banned."""
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

    def unban(self, address: str) -> list[str]:
        """Lift the bans of the address in every jail and return the jails that had banned it."""
        jails = [jail for jail in self.jails() if address in self.status(jail).addresses]
        for jail in jails:
            self.run("set", jail, "unbanip", address)
        return jails


def _after(text: str, label: str) -> str:
    match = re.search(rf"{label}:[ \t]*(.*)", text)
    return match[1] if match else ""


def _number(text: str, label: str) -> int:
    return int(_after(text, label) or 0)
