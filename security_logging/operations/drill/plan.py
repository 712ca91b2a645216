"""The plan of a drill: who attacks, under which name, with which secret, and how fast it must be noticed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from security_logging.addresses.parsing import net_of, parse_address

# RFC 5737 (TEST-NET-3) and RFC 3849: nobody on the internet has these addresses. A drill uses no others.
IPV4, IPV6 = IPv4Network("203.0.113.0/24"), IPv6Network("2001:db8::/32")
MOST_FAILURES = 10  # a jail that allows more is not drilled: the drill stays small
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
    One drill. Names, addresses and secret are of this drill alone.

    `attackers` guess until they are banned; `spoofer` forges headers, `injector` has a hostile user name, and `slow`
    stays below the limit. `victim` is whom they want to have banned. `secret` is the password that must appear nowhere.
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
        """A user name that tries to write a log line of its own, which names the victim."""
        line = f"2026-01-01T00:00:00.000+00:00 django-security[1]: login_failed ip={self.victim} net={self.victim}"
        return f'{self.user}\n{line} surface=admin reason=- user="x" ip={self.victim} '


def make_plan(targets: Targets | None = None) -> Plan:
    """Return a plan with fresh random addresses, a fresh user name that nobody has, and a fresh secret."""
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
    """Return under what a jail may have banned the address: itself, or its network where key=net."""
    address = parse_address(text)
    return (text,) if address is None else (str(address), net_of(address))


def is_of_the_documentation(text: str) -> bool:
    """Tell whether the address is one that a drill may use."""
    address = ip_address(text)
    return address in (IPV4 if address.version == 4 else IPV6)
