"""docs/proxies.md: behind each front the true client is logged, whatever anybody claims."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from fail2ban_server import PATH
from hostile_text import VICTIM
from network_namespaces import CONTAINER, Network, network
from proxied_place import ORIGIN_SECRET, Place, headers, place, section
from requires import require_network_namespaces, require_nginx, require_program
from waiting import wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

CLIENT, OTHER = "203.0.113.7", "203.0.113.8"
BALANCER, CLOUDFLARE = "10.0.3.9", "173.245.48.9"
TCP = "nginx on this machine, over TCP"
SOCKET = "nginx and gunicorn over a unix socket"
UVICORN = "nginx and uvicorn"
FIREWALL_BAN = f"""table inet f2b {{ chain input {{
type filter hook input priority 0;
ip saddr {CLIENT} reject
}}
}}"""
VOLUME = "Docker, the log on a volume"
BEHIND_BALANCER = "A load balancer, then nginx here"


@dataclass(frozen=True)
class Front:
    """A section of the page: whose nginx it has, and through which proxy elsewhere its clients come."""

    heading: str
    nginx: str = ""  # the section whose nginx it uses
    through: str = ""
    serve: str = ""  # the section whose server it uses, its own if empty
    is_locked: bool = False  # the proxy elsewhere adds the origin secret

    def start(self, wires: Network) -> AbstractContextManager[Place]:
        """Run what the page says."""
        nginx = section(self.nginx, "nginx") if self.nginx else ""
        serve = section(self.serve or self.heading, "sh")
        if self.heading == VOLUME:  # Docker's network address translation: nginx reaches the container as the gateway
            nginx = nginx.replace("127.0.0.1:8000;", f"{CONTAINER[1]}:8000; proxy_bind {CONTAINER[0]};")
        return place(wires, serve, section(self.heading, "python"), nginx)

    def fail(self, found: Place, client: str, claimed: str = "") -> str:
        """Fail a login as this client, through the proxy elsewhere if there is one."""
        server = {"10": "10.0.3.1", "17": "173.245.48.1"}.get(self.through[:2], "203.0.113.1")
        server = "2001:db8::1" if ":" in client and not self.through else server
        lock = [("X-Origin-Secret", ORIGIN_SECRET)] if self.is_locked else []
        return found.fail(self.through or client, server, [*headers(claimed, client if self.through else ""), *lock])


FRONTS = [
    Front("Nothing in front"),
    Front(TCP, nginx=TCP),
    Front(SOCKET, nginx=SOCKET),
    Front(UVICORN, nginx=SOCKET),
    Front(VOLUME, nginx=VOLUME, serve="Nothing in front"),
    Front(BEHIND_BALANCER, nginx=BEHIND_BALANCER, through=BALANCER),
    Front("AWS Application Load Balancer and WAF", through=BALANCER),
    Front("Cloudflare", nginx="Cloudflare", through=CLOUDFLARE, is_locked=True),
]


@pytest.fixture(scope="module")
def wires() -> Iterator[Network]:
    """A network with clients, a load balancer and Cloudflare."""
    require_network_namespaces()
    require_program("ip", "iproute2")
    require_nginx()
    with network(is_served=False) as found:
        for address in CONTAINER:  # the container is this machine, too
            run(found, "ip", "addr", "add", f"{address}/32", "dev", "lo")
        yield found


def run(wires: Network, *words: str) -> None:
    """Run a program in the server's network."""
    subprocess.run([*wires.in_server(), *words], env={"PATH": PATH}, check=True, capture_output=True, timeout=30)


@pytest.mark.parametrize("front", FRONTS, ids=lambda front: front.heading)
def test_true_client(wires: Network, front: Front) -> None:
    """
    An honest client, one that forges every header, and one that goes around the proxy are logged as themselves.

    Where the proxy elsewhere adds a secret, nobody is believed who goes around it.
    """
    with front.start(wires) as found:
        front.fail(found, CLIENT)
        front.fail(found, OTHER, claimed=VICTIM)
        found.fail(OTHER, "203.0.113.1", headers(VICTIM, VICTIM))
        assert found.addresses == [CLIENT, OTHER, "-" if front.is_locked else OTHER]


@pytest.mark.parametrize("front", [FRONTS[1], FRONTS[2]], ids=lambda front: front.heading)
def test_true_client_over_ipv6(wires: Network, front: Front) -> None:
    """The same over IPv6, where nginx listens there too."""
    page = section(front.nginx, "nginx").replace("listen 80;", "listen 80; listen [::]:80;")
    with place(wires, section(front.heading, "sh"), section(front.heading, "python"), page) as found:
        front.fail(found, "2001:db8::7", claimed=VICTIM)
        assert found.addresses == ["2001:db8::7"]


def test_uvicorn_that_believes_everybody(wires: Network) -> None:
    """What the page warns of is true: with --forwarded-allow-ips '*' anybody can name anybody."""
    serve = section(UVICORN, "sh").replace("--no-proxy-headers", "--forwarded-allow-ips '*'")
    with place(wires, serve, section(UVICORN, "python"), section(SOCKET, "nginx")) as found:
        found.fail(OTHER, "203.0.113.1", headers(VICTIM))
        assert found.addresses == [VICTIM]


def test_uvicorn_over_tcp(wires: Network) -> None:
    """With its defaults uvicorn is right behind nginx over TCP, as the page says."""
    serve = "uvicorn --port 8000 mysite.asgi:application"
    with place(wires, serve, section(UVICORN, "python"), section(TCP, "nginx")) as found:
        found.fail(OTHER, "203.0.113.1", headers(VICTIM))
        assert found.addresses == [OTHER]


def test_deny_list_behind_a_balancer(wires: Network) -> None:
    """Behind a balancer a firewall ban stops nobody; nginx's deny list stops the banned client and no other."""
    front = FRONTS[5]
    require_program("nft", "nftables")
    with front.start(wires) as found:
        run(wires, "nft", FIREWALL_BAN)
        behind_firewall = front.fail(found, CLIENT)
        run(wires, "nft", "delete table inet f2b")
        (found.directory / "django-security-deny.conf").write_text(f"{CLIENT} 1; # django-auth\n")
        found.reload_nginx()
        wait_for(lambda: front.fail(found, CLIENT, claimed=VICTIM) == "403", "the ban")
        assert (behind_firewall, front.fail(found, OTHER, claimed=CLIENT)) == ("200", "200")


def test_firewall_without_a_proxy(wires: Network) -> None:
    """The same firewall does stop a client that connects to this machine."""
    with FRONTS[1].start(wires):
        before = wires.connect(CLIENT, 80)
        run(wires, "nft", FIREWALL_BAN)
        banned = wires.connect(CLIENT, 80)
        run(wires, "nft", "delete table inet f2b")
    assert (before, banned) == ("open", "blocked")
