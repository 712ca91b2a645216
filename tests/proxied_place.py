"""A section of docs/proxies.md in action: its nginx, its server and its settings, in a network namespace."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import documented
from fail2ban_server import PATH, short_directory
from network_namespaces import Network
from security_logging.events.line import parse
from waiting import wait_for

PAGE = "proxies.md"
ORIGIN_SECRET = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"  # what the CDN of the page's owner adds to each request
NGINX = """\
pid {0}/nginx.pid;
error_log {0}/error.log notice;
worker_processes 1;
user root;
events {{}}
http {{
    access_log off;
    client_body_temp_path {0}/body;
    proxy_temp_path {0}/proxy;
    fastcgi_temp_path {0}/fastcgi;
    uwsgi_temp_path {0}/uwsgi;
    scgi_temp_path {0}/scgi;
{1}}}
"""
# All the headers in which somebody can be named; an attacker writes the same victim into each.
FORGED = (
    *("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Forwarded", "X-Client-IP", "X-Cluster-Client-IP"),
    *("CF-Connecting-IP", "True-Client-IP", "Fastly-Client-IP", "Fly-Client-IP", "Client-IP"),
)


@dataclass(frozen=True)
class Place:
    """A served site: how to fail a login, and what is logged of it."""

    directory: Path
    wires: Network
    port: int

    def fail(self, source: str, server: str, headers: list[tuple[str, str]]) -> str:
        """Fail a login from an address with these headers; return the status."""
        answer = self.wires.send(source, server, self.port, failed_login(headers))
        return answer.partition(" ")[2][:3]

    @property
    def addresses(self) -> list[str]:
        """The addresses of the failed logins, in order."""
        log = self.directory / "security.log"
        events = [parse(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [str(event.fields["ip"]) for event in events if event.type.name == "login_failed"]

    def reload_nginx(self) -> None:
        """Let nginx read its configuration anew."""
        os.kill(int((self.directory / "nginx.pid").read_text()), signal.SIGHUP)


def failed_login(headers: list[tuple[str, str]]) -> bytes:
    """Return a login that fails, as a request with these headers."""
    body = b"csrfmiddlewaretoken=" + b"a" * 32 + b"&username=alice&password=wrong"
    lines = [
        *("POST /accounts/login/ HTTP/1.1", "Host: shop.test", "Connection: close"),
        *(f"Cookie: csrftoken={'a' * 32}", "Content-Type: application/x-www-form-urlencoded"),
        *(f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in headers)),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def headers(claimed: str = "", appended: str = "") -> list[tuple[str, str]]:
    """Return headers that all claim an address; a proxy has appended another one to X-Forwarded-For."""
    found = [(name, f"for={claimed}" if name == "Forwarded" else claimed) for name in FORGED] if claimed else []
    if not appended:
        return found
    return [*found[1:], ("X-Forwarded-For", f"{claimed}, {appended}" if claimed else appended)]


@contextmanager
def place(wires: Network, serve: str, settings: str, nginx: str = "") -> Iterator[Place]:
    """Run the page's server, with its settings, behind its nginx if it has one."""
    with short_directory() as directory, ExitStack() as stack:
        port = 80 if nginx else 8000
        found = Place(directory, wires, port)
        if nginx:
            stack.enter_context(_nginx(wires, directory, _here(nginx, directory)))
        stack.enter_context(_server(wires, directory, _here(serve, directory), settings))
        wait_for(lambda: wires.connect("10.99.0.2", port) == "open", "the server")
        wait_for(lambda: found.fail("203.0.113.8", "203.0.113.1", []) == "200", "the site to answer")
        (directory / "security.log").unlink(missing_ok=True)
        yield found


def _here(text: str, directory: Path) -> str:
    """Return what the page says, with its paths below a directory of the test's own."""
    return text.replace("/run/mysite", str(directory)).replace("/etc/nginx", str(directory)).replace("mysite", "site")


@contextmanager
def _nginx(wires: Network, directory: Path, text: str) -> Iterator[None]:
    (directory / "django-security-deny.conf").touch()
    (directory / "nginx.conf").write_text(NGINX.format(directory, text))
    with running([*wires.in_server(), "nginx", "-c", f"{directory}/nginx.conf", "-g", "daemon off;"], directory, {}):
        yield


@contextmanager
def _server(wires: Network, directory: Path, line: str, settings: str) -> Iterator[None]:
    program, *words = shlex.split(re.sub(r"\bsite\.([wa]sgi)\b", r"proxied_site.\1", line))
    variables = {
        "DJANGO_SETTINGS_MODULE": "proxied_site.settings",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "TEST_DIRECTORY": str(directory),
        "TEST_SETTINGS": settings,
        "ORIGIN_SECRET": ORIGIN_SECRET,
    }
    with running([*wires.in_server(), sys.executable, "-m", program, *words], directory, variables):
        yield


@contextmanager
def running(words: list[str], directory: Path, variables: dict[str, str]) -> Iterator[None]:
    """Run a program with its output in the directory."""
    with (directory / "output").open("ab") as output:
        # Elsewhere than in the sources: `python -m` imports what lies around before what is installed.
        process = subprocess.Popen(words, stdout=output, stderr=output, env={"PATH": PATH, **variables}, cwd=directory)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def section(heading: str, language: str) -> str:
    """Return a fenced block of a section of the page."""
    return documented.under(PAGE, heading, language)
