"""Traffic, not status: whether a banned client still gets through a real firewall."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

import documented
from fail2ban_server import PrivateFail2ban, copy_stock_config, drop_in, short_directory
from network_namespaces import NOBODY, PORT, Network, container, network
from requires import require, require_network_namespaces, require_program
from security_logging.events.event import make_event
from security_logging.events.line import render
from security_logging.events.types import LOGIN_FAILED

pytestmark = pytest.mark.real_fail2ban

NO_SSHD = """
[sshd]
enabled = false
"""
JAIL = """
[{1}]
enabled = true
filter = django-security[key={2}]
maxretry = 3
findtime = 600
bantime = 600
backend = polling
logpath = {0}/{1}.log
action = {1}[name={1}-{2}, port="{3}", protocol=tcp]
"""
FIREWALLS = ["nftables", "iptables-multiport"]
# What fail2ban/README.md says about networks and nftables before Fail2ban 1.1.1.
INTERVALS = r"""[Init]
addr_type = ipv4_addr\; flags interval
[Init?family=inet6]
addr_type = ipv6_addr\; flags interval
"""


@pytest.fixture(scope="module")
def wires() -> Iterator[Network]:
    """A server and its clients, each in a network of their own."""
    require_network_namespaces()
    require_program("ip", "iproute2")
    require_program("nft", "nftables")
    require_program("iptables", "iptables")
    with network() as found:
        yield found


@pytest.fixture
def wires_of_nobody() -> Iterator[Network]:
    """The same, made by a user without any rights, as `unshare -Urn` does; root becomes that user."""
    require_network_namespaces()
    who = NOBODY if os.geteuid() == 0 else ()
    require(can_unshare_user(who), "user namespaces are not allowed here: kernel.unprivileged_userns_clone, AppArmor")
    with network(who=who) as found:
        yield found


def start(directory: Path, wires: Network, firewalls: Iterable[str], key: str) -> PrivateFail2ban:
    """Return a Fail2ban, not started yet, with a jail for each firewall of the server, which bans in it."""
    jails = [JAIL.format(directory, firewall, key, PORT) for firewall in firewalls]
    copy_stock_config(directory, NO_SSHD + "".join(jails))
    drop_in(directory, "filter.d")
    if key == "net":
        (directory / "action.d" / "nftables-common.local").write_text(INTERVALS)
    for firewall in firewalls:
        (directory / f"{firewall}.log").touch()
    return PrivateFail2ban(directory, prefix=wires.in_server())


@pytest.fixture(scope="module")
def banning(wires: Network) -> Iterator[dict[str, PrivateFail2ban]]:
    """Run a Fail2ban for each key, with a jail for each firewall."""
    with ExitStack() as stack:
        directories = {key: stack.enter_context(short_directory()) for key in ("ip", "net")}
        yield {
            key: stack.enter_context(start(directory, wires, FIREWALLS, key)) for key, directory in directories.items()
        }


def fail(log: Path, address: str, net: str) -> None:
    """Log a failed login as the site would."""
    with log.open("a") as file:
        file.write(render(make_event(LOGIN_FAILED, ip=address, net=net)) + "\n")


@dataclass(frozen=True)
class Attack:
    """Who fails to log in, who is blocked for it, and who must not be."""

    failing: Sequence[str]
    blocked: str
    other: str
    net: str = ""

    def run(self, fail2ban: PrivateFail2ban, jail: str, connect: Callable[[str], str]) -> list[str]:
        """Fail until the blocked one is, then lift the ban until it gets through again; return what was seen."""
        seen = [connect(self.blocked)]
        for address in self.failing:
            fail(fail2ban.directory / f"{jail}.log", address, self.net or address)
        fail2ban.wait_for(lambda: connect(self.blocked) == "blocked", "the block")
        seen += [connect(self.blocked), connect(self.other)]
        fail2ban.unban(jail, self.net or self.blocked)
        fail2ban.wait_for(lambda: connect(self.blocked) == "open", "the way to open")
        return seen


def alone(attacker: str, other: str) -> Attack:
    """Return the attack of a client that fails three times."""
    return Attack([attacker] * 3, attacker, other)


SEEN = ["open", "blocked", "open"]


@pytest.mark.parametrize("firewall", FIREWALLS)
@pytest.mark.parametrize(("attacker", "other"), [("10.99.0.2", "10.99.0.3"), ("fd99::2", "fd99::3")])
def test_address(wires: Network, banning: dict[str, PrivateFail2ban], firewall: str, attacker: str, other: str) -> None:
    """After three failures the attacker is blocked and another client is not; an unban opens the way again."""
    assert alone(attacker, other).run(banning["ip"], firewall, wires.connect) == SEEN


@pytest.mark.parametrize("firewall", FIREWALLS)
def test_rotating_network(wires: Network, banning: dict[str, PrivateFail2ban], firewall: str) -> None:
    """Three failures from three members of a /64 block a fourth member, and nobody in another /64."""
    members = [f"fd99:0:1:1::{number}" for number in (2, 3, 4)]
    attack = Attack(members, "fd99:0:1:1::5", "fd99:0:2:2::2", "fd99:0:1:1::/64")
    assert attack.run(banning["net"], firewall, wires.connect) == SEEN


def test_without_root(wires_of_nobody: Network) -> None:
    """A user without rights sees the same in a user namespace of its own: open, blocked, others open, open again."""
    with short_directory() as directory:
        prepared = start(directory, wires_of_nobody, ["nftables"], "ip")
        if wires_of_nobody.who:
            give_away(directory)
        with prepared as fail2ban:
            found = alone("10.99.0.2", "10.99.0.3").run(fail2ban, "nftables", wires_of_nobody.connect)
    assert found == SEEN


def give_away(directory: Path) -> None:
    """Let nobody own a directory and all that is in it."""
    for path in (directory, *directory.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)


def can_unshare_user(who: tuple[str, ...]) -> bool:
    """Tell whether that user may make a user namespace."""
    words = [*who, "unshare", "--user", "--map-root-user", "--net", "true"]
    return subprocess.run(words, capture_output=True, check=False, timeout=10).returncode == 0


DOCKER = """
[sshd]
enabled = false
[django-auth]
enabled = true
filter = django-security
maxretry = 3
backend = polling
logpath = {0}/django-auth.log
{1}
"""


def test_published_port_of_a_container(wires: Network) -> None:
    """What docs/proxies.md says for Docker stops a client on the way to the container, and nobody else."""
    action = documented.under("proxies.md", "Docker, a published port", "ini").partition("[django-auth]\n")[2]
    with short_directory() as directory, container(wires):
        copy_stock_config(directory, DOCKER.format(directory, action))
        drop_in(directory, "filter.d")
        (directory / "django-auth.log").touch()
        with PrivateFail2ban(directory, prefix=wires.in_server()) as fail2ban:
            connect = partial(wires.connect, port=80)
            found = alone("10.99.0.2", "10.99.0.3").run(fail2ban, "django-auth", connect)
    assert found == SEEN
