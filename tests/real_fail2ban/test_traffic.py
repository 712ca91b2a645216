"""Traffic, not status: whether a banned client still gets through a real firewall."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
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

JAIL = """
[sshd]
enabled = false
[django]
enabled = true
filter = django-security[key={1}]
maxretry = 3
findtime = 600
bantime = 600
backend = polling
logpath = {0}/security.log
action = {2}[name=django, port="{3}", protocol=tcp]
"""
FIREWALLS = ["nftables", "iptables-multiport"]
# What fail2ban/README.md says about networks and nftables before Fail2ban 1.1.1.
INTERVALS = r"""[Init]
addr_type = ipv4_addr\; flags interval
[Init?family=inet6]
addr_type = ipv6_addr\; flags interval
"""


@pytest.fixture
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


def start(directory: Path, wires: Network, firewall: str, key: str) -> PrivateFail2ban:
    """Return a Fail2ban, not started yet, that bans in the server's firewall."""
    copy_stock_config(directory, JAIL.format(directory, key, firewall, PORT))
    drop_in(directory, "filter.d")
    if key == "net":
        (directory / "action.d" / "nftables-common.local").write_text(INTERVALS)
    (directory / "security.log").touch()
    return PrivateFail2ban(directory, prefix=wires.in_server())


def fail(directory: Path, address: str, net: str) -> None:
    """Log a failed login as the site would."""
    with (directory / "security.log").open("a") as log:
        log.write(render(make_event(LOGIN_FAILED, ip=address, net=net)) + "\n")


@pytest.mark.parametrize("firewall", FIREWALLS)
@pytest.mark.parametrize(("attacker", "other"), [("10.99.0.2", "10.99.0.3"), ("fd99::2", "fd99::3")])
def test_address(wires: Network, firewall: str, attacker: str, other: str) -> None:
    """After three failures the attacker is blocked and another client is not; an unban opens the way again."""
    with short_directory() as directory, start(directory, wires, firewall, "ip") as fail2ban:
        seen = [wires.connect(attacker)]
        for _ in range(3):
            fail(directory, attacker, attacker)
        fail2ban.wait_for(lambda: wires.connect(attacker) == "blocked", "the block")
        seen += [wires.connect(attacker), wires.connect(other)]
        fail2ban.unban("django", attacker)
        fail2ban.wait_for(lambda: wires.connect(attacker) == "open", "the way to open")
    assert seen == ["open", "blocked", "open"]


@pytest.mark.parametrize("firewall", FIREWALLS)
def test_rotating_network(wires: Network, firewall: str) -> None:
    """Three failures from three members of a /64 block a fourth member, and nobody in another /64."""
    net = "fd99:0:1:1::/64"
    with short_directory() as directory, start(directory, wires, firewall, "net") as fail2ban:
        before = wires.connect("fd99:0:1:1::5")
        for number in (2, 3, 4):
            fail(directory, f"fd99:0:1:1::{number}", net)
        fail2ban.wait_for(lambda: wires.connect("fd99:0:1:1::5") == "blocked", "the block")
        other = wires.connect("fd99:0:2:2::2")
        fail2ban.unban("django", net)
        fail2ban.wait_for(lambda: wires.connect("fd99:0:1:1::5") == "open", "the way to open")
    assert (before, other) == ("open", "open")


def test_without_root(wires_of_nobody: Network) -> None:
    """A user without rights sees the same in a user namespace of its own: open, blocked, others open, open again."""
    with short_directory() as directory:
        prepared = start(directory, wires_of_nobody, "nftables", "ip")
        if wires_of_nobody.who:
            give_away(directory)
        with prepared as fail2ban:
            seen = [wires_of_nobody.connect("10.99.0.2")]
            for _ in range(3):
                fail(directory, "10.99.0.2", "10.99.0.2")
            fail2ban.wait_for(lambda: wires_of_nobody.connect("10.99.0.2") == "blocked", "the block")
            seen += [wires_of_nobody.connect("10.99.0.2"), wires_of_nobody.connect("10.99.0.3")]
            fail2ban.unban("django", "10.99.0.2")
            fail2ban.wait_for(lambda: wires_of_nobody.connect("10.99.0.2") == "open", "the way to open")
    assert seen == ["open", "blocked", "open"]


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
logpath = {0}/security.log
{1}
"""


def test_published_port_of_a_container(wires: Network) -> None:
    """What docs/proxies.md says for Docker stops a client on the way to the container, and nobody else."""
    action = documented.under("proxies.md", "Docker, a published port", "ini").partition("[django-auth]\n")[2]
    with short_directory() as directory, container(wires):
        copy_stock_config(directory, DOCKER.format(directory, action))
        drop_in(directory, "filter.d")
        (directory / "security.log").touch()
        with PrivateFail2ban(directory, prefix=wires.in_server()) as fail2ban:
            seen = [wires.connect("10.99.0.2", 80)]
            for _ in range(3):
                fail(directory, "10.99.0.2", "10.99.0.2")
            fail2ban.wait_for(lambda: wires.connect("10.99.0.2", 80) == "blocked", "the block")
            seen += [wires.connect("10.99.0.2", 80), wires.connect("10.99.0.3", 80)]
            fail2ban.unban("django-auth", "10.99.0.2")
            fail2ban.wait_for(lambda: wires.connect("10.99.0.2", 80) == "open", "the way to open")
    assert seen == ["open", "blocked", "open"]
