"""What detects and bans: the Fail2ban jails that count failed logins on the surface of the drill."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from security_logging.addresses.parsing import parse_address, readable_networks
from security_logging.fail2ban.client import Client, ClientError
from security_logging.operations.drill.plan import names_of
from security_logging.request.surface import ADMIN

# Which jails count a failed login, by the surface on which it happened.
_COUNTING = {ADMIN: ("django-admin", "django-auth")}
_ELSEWHERE = ("django-auth",)


@dataclass
class Detector:
    """
    A Fail2ban server with our jails.

    `store` returns the addresses that the action itself has stored, None where that cannot be read. `reports` is
    whether bans come back into the log as events.
    """

    client: Client
    jails: tuple[str, ...]
    store: Callable[[], list[str]] | None = None
    reports: bool = False
    before: int = 0

    def __post_init__(self) -> None:
        """Ask for the limits only once, because each question to Fail2ban starts a program."""
        self.limits = {jail: int(self.client.run("get", jail, "maxretry")) for jail in self.jails}

    @property
    def limit(self) -> int:
        """How many failures lead to a ban: the least of the jails."""
        return min(self.limits.values())

    @property
    def strictest(self) -> str:
        """The jail that bans first."""
        return min(self.limits, key=lambda jail: self.limits[jail])

    def begin(self) -> None:
        """Remember what has been counted so far."""
        self.before = self.client.status(self.strictest).failed_total

    def counted(self) -> int:
        """Return how many failures the strictest jail has counted since the beginning."""
        return self.client.status(self.strictest).failed_total - self.before

    def banned(self) -> set[str]:
        """Return the addresses that the jails have banned."""
        return {address for jail in self.jails for address in self.client.status(jail).addresses}

    def unban(self, addresses: Iterable[str]) -> None:
        """Lift the bans of these addresses in every jail."""
        self.client.run("unban", *dict.fromkeys(name for address in addresses for name in names_of(address)))

    def never_banned(self, addresses: tuple[str, ...]) -> list[str]:
        """Return those of the addresses that a jail ignores."""
        words = " ".join(self.client.run("get", jail, "ignoreip") for jail in self.jails).split()
        networks = readable_networks(words)
        found = [(text, parse_address(text)) for text in addresses]
        return [text for text, address in found if address and any(address in network for network in networks)]


def detector_of(client: Client, surface: str, store: Callable[[], list[str]] | None = None) -> Detector | str:
    """Return the detector for failed logins on that surface, or why there is none."""
    try:
        running = client.jails()
        wanted = tuple(jail for jail in _COUNTING.get(surface, _ELSEWHERE) if jail in running)
        if not wanted:
            return "none of our jails runs"
        reports = any("django-security-report" in client.run("get", jail, "actions") for jail in wanted)
        return Detector(client, wanted, store, reports)
    except ClientError as problem:
        return f"Fail2ban cannot be asked ({_last_line(problem)})"


def _last_line(problem: ClientError) -> str:
    return str(problem).strip().rpartition("\n")[2] or "it prints nothing"
