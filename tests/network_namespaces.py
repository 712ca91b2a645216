"""
Network namespaces joined by cables: a server and its clients, and a container behind the server as Docker runs one.

They are root's, or those of a user namespace of our own; root can also make them as a user without any rights.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fail2ban_server import PATH
from waiting import wait_for

SERVER = (
    *("10.99.0.1/24", "fd99::1/32"),
    *("203.0.113.1/24", "2001:db8::1/32"),  # where clients are
    *("10.0.3.1/24", "173.245.48.1/20"),  # where a load balancer is, and Cloudflare
)
CLIENTS = (
    *("203.0.113.7/24", "203.0.113.8/24", "2001:db8::7/32"),
    *("10.0.3.9/24", "173.245.48.9/20"),
    *("10.99.0.2/24", "10.99.0.3/24", "fd99::2/32", "fd99::3/32"),
    *(f"fd99:0:1:1::{number}/32" for number in range(2, 6)),
    "fd99:0:2:2::2/32",
)
PORT = 8000
_SERVE = f"""
import http.server, socket
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
Server(("::", {PORT}), http.server.BaseHTTPRequestHandler).serve_forever()
"""
CONTAINER = ("172.30.0.1", "172.30.0.2")  # Docker's gateway, which is the server, and the container
_CONNECT = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = "fd99::1" if ":" in sys.argv[1] else "10.99.0.1"
port = int(sys.argv[2])
try:
    with socket.socket(family) as client:
        client.settimeout(20)
        client.bind((sys.argv[1], 0))
        client.connect((server, port))
    print("open")
except OSError as error:
    print("blocked")
"""
# Send standard input to a port of the server from an address, and print the answer.
_SEND = """
import socket, sys
source, server, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
with socket.create_connection((server, port), timeout=20, source_address=(source, 0)) as connection:
    connection.sendall(sys.stdin.buffer.read())
    while found := connection.recv(65536):
        sys.stdout.buffer.write(found)
"""
_PYTHON = "/usr/bin/python3"
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@dataclass(frozen=True)
class Network:
    """The namespaces, each held by a process; `who` are the words that become the user they belong to."""

    server: int
    client: int
    who: tuple[str, ...] = ()

    def in_server(self) -> list[str]:
        """Return the words that run a program in the server's namespace."""
        return _enter(self.server, self.who)

    def in_client(self) -> list[str]:
        """Return the words that run a program in the clients' namespace."""
        return _enter(self.client, self.who)

    def connect(self, address: str, port: int = PORT) -> str:
        """Connect to the server from a client's address and return "open" or "blocked"."""
        return _output(*self.in_client(), _PYTHON, "-c", _CONNECT, address, str(port)).strip()

    def send(self, source: str, server: str, port: int, request: bytes) -> str:
        """Send a request from a client's address and return what is answered."""
        words = (*self.in_client(), _PYTHON, "-c", _SEND, source, server, str(port))
        return _output(*words, sent=request)


@contextmanager
def network(*, who: tuple[str, ...] = (), is_served: bool = True) -> Iterator[Network]:
    """
    Make the namespaces; nothing is left of them at the end.

    A web server answers on the server's port 8000 unless that is wanted otherwise.
    """
    with (
        _hold(_unshare(who)) as server,
        _hold([*_enter(server, who), "unshare", "--net", "sleep", "600"]) as client,
    ):
        found = Network(server, client, who)
        _join(found, server, SERVER, client, CLIENTS, "cable")
        if not is_served:
            yield found
            return
        with _served(found.in_server()):
            wait_for(lambda: found.connect("fd99::2") == "open", "the web server")
            yield found


@contextmanager
def container(wires: Network) -> Iterator[None]:
    """Run a web server in a container whose port 8000 is published as the server's port 80, with Docker's chains."""
    gateway, inside = CONTAINER
    with _hold([*wires.in_server(), "unshare", "--net", "sleep", "600"]) as pid:
        _join(wires, wires.server, (f"{gateway}/24",), pid, (f"{inside}/24",), "docker0")
        _output(*_enter(pid, wires.who), "ip", "route", "add", "default", "via", gateway)
        _output(*wires.in_server(), "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        for rule in (
            f"-t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination {inside}:{PORT}",
            *("-N DOCKER-USER", "-A DOCKER-USER -j RETURN", "-A FORWARD -j DOCKER-USER"),
        ):
            _output(*wires.in_server(), "iptables", *rule.split())
        with _served(_enter(pid, wires.who)):
            wait_for(lambda: wires.connect("10.99.0.2", 80) == "open", "the container's web server")
            yield


@contextmanager
def _served(prefix: list[str]) -> Iterator[None]:
    with _hold([*prefix, _PYTHON, "-c", _SERVE], is_namespace=False):
        yield


def _join(wires: Network, one: int, ones: tuple[str, ...], other: int, others: tuple[str, ...], name: str) -> None:
    def ip(pid: int, *words: str) -> None:
        _output(*_enter(pid, wires.who), "ip", *words)

    ip(one, "link", "add", name, "type", "veth", "peer", "name", name, "netns", str(other))
    for pid, addresses in ((one, ones), (other, others)):
        for address in addresses:
            ip(pid, "addr", "add", address, "dev", name, *(["nodad"] if ":" in address else []))
        ip(pid, "link", "set", "lo", "up")
        ip(pid, "link", "set", name, "up")


@contextmanager
def _hold(words: list[str], *, is_namespace: bool = True) -> Iterator[int]:
    """Run a process that keeps a namespace, or something in it, alive; yield its number."""
    outside = Path("/proc/self/ns/net").readlink()
    process = subprocess.Popen(words, env={"PATH": PATH}, stderr=subprocess.DEVNULL)
    try:
        if is_namespace:
            wait_for(lambda: Path(f"/proc/{process.pid}/ns/net").readlink() != outside, "the namespace")
            wait_for(lambda: _is_sleep(process.pid), "the namespace's process")
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _is_sleep(pid: int) -> bool:
    return Path(f"/proc/{pid}/comm").read_text() == "sleep\n"


def _is_root(who: tuple[str, ...]) -> bool:
    return os.geteuid() == 0 and not who


def _unshare(who: tuple[str, ...]) -> list[str]:
    user = [] if _is_root(who) else ["--user", "--map-root-user"]
    return [*who, "unshare", *user, "--net", "sleep", "600"]


def _enter(pid: int, who: tuple[str, ...]) -> list[str]:
    user = [] if _is_root(who) else ["--user", "--preserve-credentials"]
    return [*who, "nsenter", "--target", str(pid), *user, "--net"]


def _output(*words: str, sent: bytes = b"") -> str:
    done = subprocess.run(words, env={"PATH": PATH}, input=sent, capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr.decode()}"
    return done.stdout.decode("utf-8", "replace")
