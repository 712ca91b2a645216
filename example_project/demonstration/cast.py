"""Who plays: the people, their addresses and what the attacker tries."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, field

from demonstration.clients import Visitor

# Addresses that do not exist on the internet: RFC 5737 and RFC 3849 reserve them for examples.
VISITOR = "198.51.100.23"
IPV6_VISITOR = "2001:db8:5::23"
ATTACKER = "203.0.113.66"
TOOL = "203.0.113.77"
THIEF = "203.0.113.88"


@dataclass(frozen=True)
class Person:
    """A user with an account at Harbour; the password is for this run only."""

    username: str
    is_staff: bool = False
    is_superuser: bool = False
    password: str = field(default_factory=lambda: secrets.token_urlsafe(9), repr=False)

    def as_user(self) -> dict[str, object]:
        """Return the arguments that Django's create_user takes."""
        return {**asdict(self), "email": f"{self.username}@example.org"}


@dataclass(frozen=True)
class HostileName:
    """A user name, and what it is meant to do. Below 150 characters, or Django's login form would refuse it."""

    text: str
    desc: str


HOSTILE_NAMES = (
    HostileName(
        f"x\n2026-01-01T00:00:00.000+00:00 django-security[1]: login_failed ip={VISITOR} net={VISITOR} surface=admin",
        "a line break and a forged log line that names the visitor",
    ),
    HostileName(f'admin" ip={VISITOR} net={VISITOR} user="', "quotes that end the field, and a second address"),
    HostileName("\x1b[2J\x1b[31mroot\x1b[0m \u202egnitroper", "escape codes that clear the terminal, reversed text"),
    HostileName(
        f'{{"event":{{"action":"login_failed"}},"source":{{"ip":"{VISITOR}"}}}}', "our JSON, with the visitor's address"
    ),
    HostileName("r\u2028o\u0085o\x0bt\x0c\\", "line breaks of other kinds, and a backslash before the closing quote"),
)

# Each names the honest visitor. nginx appends the true address to the first and passes on the others as they are.
FORGED_HEADERS = {
    "X-Forwarded-For": VISITOR,
    "Forwarded": f"for={VISITOR};proto=https",
    "X-Real-IP": VISITOR,
    "True-Client-IP": VISITOR,
    "CF-Connecting-IP": VISITOR,
    "User-Agent": f'tool/1.0" ip={VISITOR}',
}


class Cast:
    """The players of one run, whose browsers all go to the same front."""

    def __init__(self, port: int) -> None:
        """Give each an account or a browser, or both; `port` is nginx's."""
        self.maren = Person("maren")
        self.jonas = Person("jonas")
        self.harbour_master = Person("harbourmaster", is_staff=True, is_superuser=True)
        self.visitor = Visitor(VISITOR, port)
        self.ipv6_visitor = Visitor(IPV6_VISITOR, port)
        self.attacker = Visitor(ATTACKER, port, dict(FORGED_HEADERS))
        self.tool = Visitor(TOOL, port)
        self.thief = Visitor(THIEF, port)

    @property
    def people(self) -> tuple[Person, ...]:
        """Everybody with an account."""
        return (self.maren, self.jonas, self.harbour_master)
