"""Two network namespaces joined by a cable: a server and its clients, as root or in a user namespace of our own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fail2ban_server import PATH, wait_for

SERVER = ("10.99.0.1/24", "fd99::1/32")
CLIENTS = (
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
_CONNECT = f"""
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = "fd99::1" if ":" in sys.argv[1] else "10.99.0.1"
try:
    with socket.socket(family) as client:
        client.settimeout(2)
        client.bind((sys.argv[1], 0))
        client.connect((server, {PORT}))
    print("open")
except OSError as error:
    print("blocked")
"""
_PYTHON = "/usr/bin/python3"


@dataclass(frozen=True)
class Network:
    """The two namespaces, each held by a process."""

    server: int
    client: int

    def in_server(self) -> list[str]:
        """Return the words that run a program in the server's namespace."""
        return _enter(self.server)

    def connect(self, address: str) -> str:
        """Connect to the server from a client's address and return "open" or "blocked"."""
        return _output(*_enter(self.client), _PYTHON, "-c", _CONNECT, address)


@contextmanager
def network() -> Iterator[Network]:
    """Make the namespaces with a web server on port 8000; nothing is left of them at the end."""
    with _hold(_unshare("--net")) as server, _hold([*_enter(server), "unshare", "--net", "sleep", "600"]) as client:
        found = Network(server, client)
        _ip(server, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", str(client))
        for pid, addresses in ((server, SERVER), (client, CLIENTS)):
            for address in addresses:
                no_delay = ["nodad"] if ":" in address else []
                _ip(pid, "addr", "add", address, "dev", "cable", *no_delay)
            _ip(pid, "link", "set", "lo", "up")
            _ip(pid, "link", "set", "cable", "up")
        with _hold([*found.in_server(), _PYTHON, "-c", _SERVE], is_namespace=False):
            wait_for(lambda: found.connect("fd99::2") == "open", "the web server")
            yield found


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


def _unshare(*words: str) -> list[str]:
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, *words, "sleep", "600"]


def _enter(pid: int) -> list[str]:
    user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    return ["nsenter", "--target", str(pid), *user, "--net"]


def _ip(pid: int, *words: str) -> None:
    _output(*_enter(pid), "ip", *words)


def _output(*words: str) -> str:
    result = subprocess.run(words, env={"PATH": PATH}, capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 0, f"{' '.join(words)}: {result.stderr}"
    return result.stdout.strip()
