"""
Behind an edge that appends as Cloudflare documents it, the real Fail2ban bans who attacked and nobody else.

Two hops of nginx: the edge, in the clients' network, which connects from an address of Cloudflare, and the nginx of
docs/proxies.md. The edge serves its customers, the site's owner and strangers, each under an address of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from fail2ban_server import PrivateFail2ban, short_directory, write_config
from hostile_text import VICTIM
from network_namespaces import Network, network
from proxied_place import NGINX, ORIGIN_SECRET, Place, place, running, section
from requires import require_fail2ban, require_network_namespaces, require_nginx, require_program
from waiting import wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

VISITOR, NEIGHBOUR = "203.0.113.7", "203.0.113.8"
# https://developers.cloudflare.com/fundamentals/reference/http-headers/
OWN_ZONE, WORKER_BEHIND_ZONE, OTHER_ZONE, WORKER = "10.99.0.2", "10.99.0.3", "203.0.113.8", "10.0.3.9"
EDGE = {
    # Appends the visitor; a transform rule sets the secret; CF-Worker of a visitor is removed.
    OWN_ZONE: f"""
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Origin-Secret {ORIGIN_SECRET};
        proxy_set_header CF-Worker "";""",
    # A stranger's Worker asks the site's own zone: its address for Workers is appended to what the Worker wrote.
    WORKER_BEHIND_ZONE: f"""
        proxy_set_header X-Forwarded-For "$http_x_forwarded_for,2a06:98c0:3600::103";
        proxy_set_header X-Origin-Secret {ORIGIN_SECRET};
        proxy_set_header CF-Worker evil.example;""",
    # A stranger's zone that has the site's server as its origin.
    OTHER_ZONE: """
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header CF-Worker "";""",
    # A stranger's Worker asks the server itself; what it wrote is all there is.
    WORKER: """
        proxy_set_header CF-Worker evil.example;""",
}
_SERVER = """
server {{
    listen {0}:80;
    location / {{
        proxy_pass http://173.245.48.1:80;
        proxy_bind 173.245.48.9;
        proxy_set_header Host $http_host;{1}
    }}
}}
"""
JAIL = """\
[django-auth]
enabled = true
filter = django-security[mode=normal]
logpath = {0}
maxretry = 3
"""
OPEN = 'SECURITY_LOGGING_TRUSTED_PROXIES = ["nginx", "cloudflare"]'
BY_HAND = 'SECURITY_LOGGING_TRUSTED_PROXIES = ["unix:", "127.0.0.1", "173.245.48.0/20", "2a06:98c0::/29"]'
LOCKED = section("Cloudflare", "python")


@pytest.fixture(scope="module")
def wires() -> Iterator[Network]:
    """A network with an edge between clients and server."""
    require_network_namespaces()
    require_program("ip", "iproute2")
    require_nginx()
    require_fail2ban()
    with network(is_served=False) as found, short_directory() as directory:
        servers = "".join(_SERVER.format(address, lines) for address, lines in EDGE.items())
        (directory / "nginx.conf").write_text(NGINX.format(directory, servers))
        words = [*found.in_client(), "nginx", "-c", f"{directory}/nginx.conf", "-g", "daemon off;"]
        with running(words, directory, {}):
            yield found


@contextmanager
def served(wires: Network, settings: str) -> Iterator[tuple[Place, PrivateFail2ban]]:
    """Serve the site under the settings, with a Fail2ban that reads its log."""
    with ExitStack() as stack:
        found = stack.enter_context(place(wires, section("Cloudflare", "sh"), settings, section("Cloudflare", "nginx")))
        directory = stack.enter_context(short_directory())
        log = found.directory / "security.log"
        log.touch()
        write_config(directory, JAIL.format(log))
        yield found, stack.enter_context(PrivateFail2ban(directory))


def attack(found: Place, edge: str, source: str, times: int = 4) -> None:
    """Fail logins through an edge, each with a header that names a victim."""
    for _ in range(times):
        found.fail(source, edge, [("X-Forwarded-For", VICTIM)])


@pytest.mark.parametrize(
    ("settings", "of_other_zone"),
    [(OPEN, NEIGHBOUR), (BY_HAND, NEIGHBOUR), (LOCKED, "-")],
    ids=["preset", "ranges by hand", "secret"],
)
def test_who_is_banned(wires: Network, settings: str, of_other_zone: str) -> None:
    """Strangers' programs ban nobody, whatever they write; a visitor who attacks is banned, whatever it claims."""
    with served(wires, settings) as (found, fail2ban):
        attack(found, WORKER_BEHIND_ZONE, NEIGHBOUR)
        attack(found, WORKER, NEIGHBOUR)
        attack(found, OTHER_ZONE, NEIGHBOUR, times=1)
        attack(found, OWN_ZONE, VISITOR)
        fail2ban.wait_for(lambda: VISITOR in fail2ban.banned("django-auth"), "the visitor's ban")
        assert found.addresses == [*(["-"] * 8), of_other_zone, *([VISITOR] * 4)]
        assert fail2ban.banned("django-auth") == {VISITOR}


def test_visitor_with_the_mark_of_a_worker(wires: Network) -> None:
    """A visitor who sends CF-Worker is counted: the edge removes it."""
    with served(wires, OPEN) as (found, _):
        found.fail(VISITOR, OWN_ZONE, [("CF-Worker", "x"), ("X-Forwarded-For", VICTIM)])
        wait_for(lambda: found.addresses, "the line")
        assert found.addresses == [VISITOR]
