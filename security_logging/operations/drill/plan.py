"""The plan of a drill: its addresses, its user name, its secret, and the times that it allows."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from security_logging.addresses.parsing import net_of, parse_address

# RFC 5737 (TEST-NET-3) and RFC 3849 reserve these addresses for documentation. A drill uses no others.
IPV4, IPV6 = IPv4Network("203.0.113.0/24"), IPv6Network("2001:db8::/32")
MOST_FAILURES = 10  # that a jail may allow; the drill would need too many requests for more
AGENT = "django-security-drill"


@dataclass(frozen=True)
class Targets:
    """Seconds within which something must have happened."""

    log: float = 1.0
    detect: float = 10.0
    ban: float = 15.0
    alert: float = 60.0


@dataclass(frozen=True)
class Plan:
    """
    One drill; its names, addresses and secret are used only once.

    `attackers` guess passwords until they are banned, `slow` stays below the limit, `spoofer` forges headers and
    `injector` has a hostile user name. Both try to have `victim` banned. `secret` is the password, which no sink may
    contain.
    """

    id: str
    user: str
    attackers: tuple[str, str]
    slow: str
    spoofer: str
    injector: str
    victim: str
    secret: str = field(repr=False)
    targets: Targets = Targets()

    @property
    def agent(self) -> str:
        """The User-Agent that marks every request as the drill's."""
        return f"{AGENT}/{self.id}"

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address of the drill."""
        return (*self.attackers, self.slow, self.spoofer, self.injector, self.victim)

    @property
    def hostile_user(self) -> str:
        """A user name that tries to write a second log line, which names the victim."""
        line = f"2026-01-01T00:00:00.000+00:00 django-security[1]: login_failed ip={self.victim} net={self.victim}"
        return f'{self.user}\n{line} surface=admin reason=- user="x" ip={self.victim} '


def make_plan(targets: Targets | None = None) -> Plan:
    """Return a plan with random addresses, a random user name that does not exist, and a random secret."""
    number = secrets.token_hex(6)
    four = secrets.SystemRandom().sample(range(1, 255), 5)
    addresses = [str(IPV4[host]) for host in four]
    six = IPv6Address(int(IPV6.network_address) | secrets.randbits(96) >> 1 << 1 | 1)
    return Plan(
        id=f"drill-{number}",
        user=f"drill-{number}",
        attackers=(addresses[0], str(six)),
        slow=addresses[1],
        spoofer=addresses[2],
        injector=addresses[3],
        victim=addresses[4],
        secret=f"canary-{secrets.token_hex(16)}",
        targets=targets or Targets(),
    )


def names_of(text: str) -> tuple[str, ...]:
    """Return the names under which a jail can have banned the address: the address, and its network for key=net."""
    address = parse_address(text)
    return (text,) if address is None else (str(address), net_of(address))


def is_of_the_documentation(text: str) -> bool:
    """Return whether the address is reserved for documentation, so that a drill may use it."""
    address = ip_address(text)
    return address in (IPV4 if address.version == 4 else IPV6)
