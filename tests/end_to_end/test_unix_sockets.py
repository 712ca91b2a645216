"""A trusted unix socket under each real server: what came through it is believed, and what code made up is not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fail2ban_server import PATH, short_directory
from hostile_text import VICTIM
from proxied_place import failed_login
from security_logging.events.line import parse
from waiting import wait_until

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

CLIENT = "203.0.113.7"
WSGI, ASGI = "proxied_site.wsgi:application", "proxied_site.socket_asgi:application"
ASGI_SERVERS = {
    "uvicorn": ("uvicorn", "--no-proxy-headers", "--uds", "site.sock", ASGI),
    "daphne": ("daphne", "-u", "site.sock", ASGI),
    "hypercorn": ("hypercorn", "--bind", "unix:site.sock", ASGI),
}
SERVERS = {"gunicorn": ("gunicorn", "--bind", "unix:site.sock", WSGI), **ASGI_SERVERS}
HANDSHAKE = "\r\n".join(
    [
        *("GET /ws HTTP/1.1", "Host: shop.test", "Connection: Upgrade", "Upgrade: websocket"),
        *("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", f"X-Forwarded-For: {VICTIM}"),
        *("", ""),
    ]
).encode()


@contextmanager
def serving(words: tuple[str, ...]) -> Iterator[Path]:
    """Run a server on a unix socket; yield its directory."""
    with short_directory() as directory:
        variables = {
            "DJANGO_SETTINGS_MODULE": "proxied_site.settings",
            "TEST_DIRECTORY": str(directory),
            "PATH": PATH,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "TEST_SETTINGS": 'SECURITY_LOGGING_TRUSTED_PROXIES = ["unix:"]',
        }
        with (directory / "output").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *words], stdout=output, stderr=output, env=variables, cwd=directory
            )
        try:
            assert wait_until(lambda: ask(directory, b"GET / HTTP/1.0\r\nHost: shop.test\r\n\r\n"), 60), (
                directory / "output"
            ).read_text()
            yield directory
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def ask(directory: Path, request: bytes) -> bytes:
    """Send a request through the socket; return the beginning of the answer, nothing while nobody listens."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(str(directory / "site.sock"))
            connection.sendall(request)
            return connection.recv(65536)
    except OSError:
        return b""


def logged(directory: Path) -> list[tuple[str, str]]:
    """Return the address of each failed login, and why it is unknown."""
    log = directory / "security.log"
    events = [parse(line) for line in log.read_text().splitlines()] if log.exists() else []
    return [
        (str(event.fields["ip"]), str(event.fields.get("ip_reason", "")))
        for event in events
        if event.type.name == "login_failed"
    ]


@pytest.mark.parametrize("words", SERVERS.values(), ids=SERVERS)
def test_request(words: tuple[str, ...]) -> None:
    """What the proxy at a unix socket says of its client is believed."""
    with serving(words) as directory:
        ask(directory, failed_login([("X-Forwarded-For", f"{VICTIM}, {CLIENT}")]))
        wait_until(lambda: logged(directory))
        assert logged(directory) == [(CLIENT, "")]


@pytest.mark.parametrize("words", ASGI_SERVERS.values(), ids=ASGI_SERVERS)
def test_request_of_a_consumer(words: tuple[str, ...]) -> None:
    """A request that a WebSocket consumer makes up names no address, with the scope kept or not."""
    with serving(words) as directory:
        ask(directory, HANDSHAKE)
        wait_until(lambda: len(logged(directory)) > 1)
        assert logged(directory) == [("-", "no_peer")] * 2
